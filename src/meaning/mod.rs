//! Closeness in meaning: a sentence model turns a text into a direction of a few hundred dimensions,
//! and texts that mean alike point alike.
//!
//! The model is an operator's choice: a folder with `model.safetensors` and `vocab.txt` of a BERT of
//! the kind of all-MiniLM-L6-v2 (uncased, mean pooling, heads of 32 dimensions; Reimers and Gurevych,
//! 2019). It runs here, in 32-bit floats; nothing of a text leaves the machine. Without a model
//! everything works by words.

mod bert;
pub mod fetch;
mod nearest;
mod tensors;
mod vector;
mod wordpiece;

use std::path::Path;

use bert::Bert;
pub use nearest::{Nearest, Sought};
pub use vector::Vector;
use wordpiece::WordPiece;

/// Word pieces of a text that are read, its two marks included: what a text is about stands at its
/// beginning, and the time grows with the pieces.
pub const PIECES_MAX: usize = 128;
/// Bytes of a text that are looked at; more than the pieces that are read ever need.
const TEXT_BYTES_MAX: usize = 4 * 1024;
/// Pieces of texts that are read together: more need more memory and are no faster.
const PIECES_AT_ONCE: usize = 512;

/// What is wrong with a model's folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{file}: {cause}")]
    File { file: String, cause: std::io::Error },
    #[error("the sentence model: {0}")]
    Model(String),
}

impl Error {
    fn unfit() -> Error {
        let words = "its parts don't fit: it is not of the kind of all-MiniLM-L6-v2";
        Error::Model(words.to_owned())
    }
}

/// A sentence model in memory.
pub struct Model {
    pieces: WordPiece,
    bert: Bert,
    name: String,
}

impl Model {
    /// Reads the model in a folder.
    pub fn load(dir: &Path) -> Result<Model, Error> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(|cause| Error::File {
                file: path.display().to_string(),
                cause,
            })
        };
        let (weights, vocabulary) = (read(fetch::WEIGHTS)?, read(fetch::VOCABULARY)?);
        Model::read(&weights, &vocabulary)
    }

    /// Reads a model from its two files.
    pub fn read(weights: &[u8], vocabulary: &[u8]) -> Result<Model, Error> {
        let pieces = WordPiece::new(&String::from_utf8_lossy(vocabulary))?;
        let bert = Bert::read(&tensors::Tensors::read(weights)?)?;
        if pieces.len() > bert.words() {
            let words = "vocab.txt holds more words than the model knows";
            return Err(Error::Model(words.to_owned()));
        }
        let mut name = fetch::digest(&[weights, vocabulary]);
        name.truncate(NAME_CHARS);
        Ok(Model { pieces, bert, name })
    }

    /// The beginning of the SHA-256 of its files: directions of different models can't be compared.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many dimensions its directions have.
    pub fn width(&self) -> usize {
        self.bert.width()
    }

    /// Where each text points, by its first `pieces` (at most [`PIECES_MAX`]); none for one without a
    /// word.
    pub fn embed(&self, texts: &[&str], pieces: usize) -> Vec<Option<Vector>> {
        let max = pieces.clamp(MARKS + 1, PIECES_MAX);
        let cut: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| &text[..text.floor_char_boundary(TEXT_BYTES_MAX)])
            .map(|text| self.pieces.pieces(text, max))
            .collect();
        let mut vectors: Vec<Option<Vector>> = vec![None; texts.len()];
        let (mut places, mut waiting, mut count) = (Vec::new(), Vec::new(), 0);
        let mut read = |places: &mut Vec<usize>, waiting: &mut Vec<Vec<u32>>| {
            let directions = self.bert.embed(waiting);
            for (place, direction) in places.drain(..).zip(directions) {
                vectors[place] = Some(Vector::of(&direction));
            }
            waiting.clear();
        };
        for (place, pieces) in cut.into_iter().enumerate() {
            if pieces.len() <= MARKS {
                continue;
            }
            if count + pieces.len() > PIECES_AT_ONCE {
                read(&mut places, &mut waiting);
                count = 0;
            }
            count += pieces.len();
            places.push(place);
            waiting.push(pieces);
        }
        read(&mut places, &mut waiting);
        vectors
    }

    /// Where one text points.
    pub fn embed_one(&self, text: &str, pieces: usize) -> Option<Vector> {
        self.embed(&[text], pieces).pop().flatten()
    }
}

/// Characters of a model's name.
const NAME_CHARS: usize = 16;
/// A text's beginning and end are pieces too.
const MARKS: usize = 2;
