//! `offramp model train`: weights from posts that people judged; and `offramp model fetch`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use super::{eval_triage, fetch_model};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::escalations::Label;
use crate::escalations::triage::model::Model;
use crate::escalations::triage::model::train::{Example, HOLD, prepare, train};
use crate::say;

/// Largest shift of the log odds: from evens to seven in a thousand.
const LIFT_MAX: f64 = 5.0;

#[derive(Subcommand)]
pub enum ModelCommand {
    /// Train the judgement on labelled posts. The same files give the same bytes.
    Train {
        /// Tab-separated files (label, post, and “elsewhere” where it speaks to somebody else), or
        /// what `offramp eval triage` reads. Calibrated on files it was not trained on.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Where the weights go.
        #[arg(long)]
        out: PathBuf,
        /// How sure of itself the model may be, 0 to 1: what was written for training is plainer
        /// than what people write.
        #[arg(long, default_value_t = 1.0)]
        temper: f64,
        /// By how much to raise the log odds, where complaints are more frequent than in the files.
        #[arg(long, default_value_t = 0.0)]
        lift: f64,
    },
    /// Fetch the sentence model of the configuration, once, into its folder.
    Fetch,
}

pub fn run(command: &ModelCommand, config: &Config) -> Result<()> {
    let ModelCommand::Train {
        files,
        out,
        temper,
        lift,
    } = command
    else {
        return fetch_model::fetch(&config.sentence_model);
    };
    let model = train_files(files)?;
    let model = model.tempered(temper.clamp(0.0, 1.0), lift.clamp(-LIFT_MAX, LIFT_MAX));
    let bytes = model.to_bytes()?;
    fs::write(out, &bytes).map_err(|e| Error::io(out.display(), e))?;
    let about = &model.about;
    say!(
        "{}: {} bytes, trained on {} posts, {} of them complaints.",
        out.display(),
        bytes.len(),
        about.posts,
        about.complaints
    );
    Ok(())
}

/// Trains from nothing on the posts of these files, in their order.
pub fn train_files(files: &[PathBuf]) -> Result<Model> {
    let model = train(&prepare(&read_files(files)?), &Model::blank(), HOLD);
    model.ok_or_else(|| Error::other("the files hold no posts of both kinds"))
}

fn read_files(files: &[PathBuf]) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    for (group, file) in files.iter().enumerate() {
        let read = if file.extension().is_some_and(|e| e == "tsv") {
            read_tsv(file)?
        } else {
            eval_triage::read(file)?
        };
        examples.extend(read.into_iter().map(|example| Example { group, ..example }));
    }
    if files.len() < 2 {
        // Of one file each post is a group.
        (0..)
            .zip(&mut examples)
            .for_each(|(n, example)| example.group = n);
    }
    Ok(examples)
}

/// Reads lines of a label, a post and perhaps the word `elsewhere`, with tabs between.
fn read_tsv(path: &Path) -> Result<Vec<Example>> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path.display(), e))?;
    let lines = (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(n, line)| {
            let mut cells = line.split('\t');
            let label: Option<Label> = cells.next().and_then(|label| label.parse().ok());
            let (Some(label), Some(text)) = (label, cells.next()) else {
                let what = "a label and a post, with a tab between";
                return Err(Error::other(format!(
                    "{}, line {n}: not {what}",
                    path.display()
                )));
            };
            Ok(Example {
                text: text.to_owned(),
                is_complaint: label == Label::Complaint,
                addressed: cells.next() != Some("elsewhere"),
                author: None,
                group: 0,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalations::triage::model::{shipped, train::digest};

    /// `scripts/train-triage` trains them anew and compares every byte.
    #[test]
    fn the_shipped_weights_are_of_the_posts_in_the_repository() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("training/triage");
        let mut files: Vec<PathBuf> = fs::read_dir(folder)
            .expect("a folder")
            .map(|entry| entry.expect("a file").path())
            .filter(|path| path.extension().is_some_and(|e| e == "tsv"))
            .collect();
        files.sort();
        let examples = read_files(&files).expect("labels and posts");
        let shipped = shipped().expect("weights that can be read");
        assert_eq!(
            shipped.about.data,
            digest(&examples),
            "run scripts/train-triage"
        );
    }
}
