//! `offramp model fetch`: the files of the configured sentence model, each once.

use std::time::Duration;

use crate::config::SentenceModel;
use crate::error::{Error, Result};
use crate::meaning::Model;
use crate::meaning::fetch::{VOCABULARY, WEIGHTS, digest_of, keep};
use crate::net;
use crate::say;

/// Longest time for one file: a hundred megabytes over a slow line.
const FILE_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// Fetches what is not there yet with the configured SHA-256, and tries the model.
pub fn fetch(wanted: &SentenceModel) -> Result<()> {
    let dir = &wanted.dir;
    if dir.as_os_str().is_empty() {
        return Err(Error::other(
            "no folder is configured for the sentence model. Set `sentence_model.dir` in offramp.toml, \
             as in offramp.example.toml, and run this again",
        ));
    }
    let client = net::download_client(FILE_TIME_MAX);
    for (name, address, sha256) in [
        (
            VOCABULARY,
            &wanted.vocabulary_url,
            &wanted.vocabulary_sha256,
        ),
        (WEIGHTS, &wanted.weights_url, &wanted.weights_sha256),
    ] {
        let path = dir.join(name);
        if digest_of(&path).is_ok_and(|found| found.eq_ignore_ascii_case(sha256)) {
            say!("{} is there already.", path.display());
            continue;
        }
        say!("Fetching {address} …");
        let failed = |why: String| {
            Error::other(format!(
                "{address} could not be fetched: {why}. A file that was fetched by other means can be put \
                 into {} as {name}",
                dir.display()
            ))
        };
        let answer = client
            .get(address)
            .call()
            .map_err(|e| failed(e.to_string()))?;
        if !answer.status().is_success() {
            return Err(failed(format!("the answer was {}", answer.status())));
        }
        keep(dir, name, answer.into_body().into_reader(), sha256)
            .map_err(|e| failed(e.to_string()))?;
        say!("{} is there.", path.display());
    }
    let model = Model::load(dir).map_err(Error::other)?;
    say!(
        "The model can be read ({} dimensions). A running server uses it after a restart, and reads the \
         threads in the background.",
        model.width()
    );
    Ok(())
}
