//! Files that were uploaded and never became those of a message go after a while.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::store;
use crate::app::App;
use crate::clock::DAY;
use crate::error::Result;
use crate::jobs::{Job, Next};
use crate::mail::store as mail_store;

/// How long a file is kept that nothing names (µs): the steps of a form may lie so far apart.
pub const KEPT_FOR: i64 = DAY;

/// Removes uploads that nothing names: those of forms that were never sent to the end.
#[derive(Default, Serialize, Deserialize)]
pub struct ForgetUploads {}

impl Job for ForgetUploads {
    const KIND: &'static str = "forget_uploads";

    fn run(&self, app: &App) -> Result<Next> {
        let before = app.now().plus(-KEPT_FOR).0.max(0).unsigned_abs();
        let before = SystemTime::UNIX_EPOCH + Duration::from_micros(before);
        let of_mails: HashSet<String> =
            app.db.read(mail_store::storage_keys)?.into_iter().collect();
        let removed = app.files.remove_unused(before, |keys| {
            let mut used = app.db.read(|conn| store::storage_keys_among(conn, keys))?;
            used.extend(keys.iter().filter(|key| of_mails.contains(*key)).cloned());
            Ok(used)
        })?;
        tracing::info!(removed, "forgot uploads that nothing names");
        Ok(Next::Done)
    }
}
