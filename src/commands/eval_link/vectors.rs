//! The directions of texts, with a file that keeps them from one run to the next: they are what takes
//! the time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::progress::Progress;
use crate::error::{Error, Result};
use crate::meaning::{Model, Vector, fetch};
use crate::ranker::PIECES;

/// Texts that are read together.
const TEXTS_AT_ONCE: usize = 64;
/// Hexadecimals of a text's digest by which it is known again.
const KEY_CHARS: usize = 32;

/// A model and what it made of texts already.
pub struct Vectors {
    pub model: Arc<Model>,
    file: Option<PathBuf>,
    known: HashMap<String, Vector>,
}

impl Vectors {
    /// Loads the model in `dir`, and what `file` keeps of it; another model's file is an error.
    pub fn open(dir: &Path, file: Option<&Path>) -> Result<Vectors> {
        let model = Arc::new(Model::load(dir).map_err(Error::other)?);
        let mut known = HashMap::new();
        if let Some(file) = file.filter(|file| file.exists()) {
            let bytes = std::fs::read(file)
                .map_err(|e| Error::io(format!("reading {}", file.display()), e))?;
            let kept = bytes.strip_prefix(model.name().as_bytes()).ok_or_else(|| {
                Error::other(format!("{} holds another model's vectors", file.display()))
            })?;
            for one in kept.chunks_exact(KEY_CHARS + model.width()) {
                let (key, steps) = one.split_at(KEY_CHARS);
                let key = String::from_utf8_lossy(key).into_owned();
                known.insert(key, Vector::from_bytes(steps));
            }
        }
        let file = file.map(Path::to_owned);
        Ok(Vectors { model, file, known })
    }

    /// The direction of each text, in their order; of a text without a word one that is near nothing.
    pub fn of(&mut self, what: &str, texts: &[String]) -> Result<Vec<Vector>> {
        let keys: Vec<String> = texts.iter().map(|text| key(text)).collect();
        let mut missing: Vec<usize> = (0..texts.len())
            .filter(|n| !self.known.contains_key(&keys[*n]))
            .collect();
        // Texts of about one length are read together.
        missing.sort_by_key(|n| texts[*n].len());
        let mut progress = Progress::new(what, missing.len());
        for some in missing.chunks(TEXTS_AT_ONCE) {
            let of: Vec<&str> = some.iter().map(|n| texts[*n].as_str()).collect();
            for (n, vector) in some.iter().zip(self.model.embed(&of, PIECES)) {
                let nothing = || Vector::of_steps(vec![0; self.model.width()]);
                self.known
                    .insert(keys[*n].clone(), vector.unwrap_or_else(nothing));
            }
            progress.step(some.len());
        }
        if !missing.is_empty() {
            self.keep()?;
        }
        let found = keys.iter().map(|key| self.known.get(key).cloned());
        let lost = || Error::other("a text lost its vector");
        found.map(|vector| vector.ok_or_else(lost)).collect()
    }

    fn keep(&self) -> Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let mut bytes = self.model.name().as_bytes().to_vec();
        for (key, vector) in &self.known {
            bytes.extend(key.as_bytes());
            bytes.extend(vector.bytes());
        }
        std::fs::write(file, bytes).map_err(|e| Error::io(format!("writing {}", file.display()), e))
    }
}

fn key(text: &str) -> String {
    let mut key = fetch::digest(&[text.as_bytes()]);
    key.truncate(KEY_CHARS);
    key
}
