//! What `offramp check` compares about tickets.

use super::receive_mail::ReceiveMail;
use super::store;
use crate::db::{Conn, Mismatch};
use crate::error::{Error, Result};
use crate::jobs::{self, Job};

/// Rules that hold of every ticket: what staff answered has its mail, and a mail that was taken
/// in and not read yet waits where it is read.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    let unsent = store::answers_without_mail(conn)?;
    if unsent > 0 {
        found.push(Mismatch::new(
            "answers of staff without a mail in the outbox",
            0,
            unsent,
        ));
    }
    // A mail's job is put down with it, and gone only when the mail was read or set aside.
    let (waiting, jobs) = (
        store::mails_to_read(conn)?,
        jobs::payloads(conn, ReceiveMail::KIND)?,
    );
    for intake in waiting {
        let job = serde_json::to_string(&ReceiveMail { intake }).map_err(Error::other)?;
        if !jobs.contains(&job) {
            found.push(Mismatch::new(
                format!("mail {intake}, taken in"),
                "a job that reads it",
                "none",
            ));
        }
    }
    Ok(found)
}
