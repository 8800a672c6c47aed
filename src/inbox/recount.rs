//! What `offramp check` compares about mail that came in.

use std::collections::HashSet;

use super::receive_mail::ReceiveMail;
use super::store;
use crate::db::{Conn, Mismatch};
use crate::error::Result;
use crate::jobs;

/// A mail that was taken in and not read yet waits where it is read.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    let mut found = Vec::new();
    // A mail's job is put down with it, and gone only when the mail was read or set aside.
    let jobs: HashSet<i64> = jobs::waiting::<ReceiveMail>(conn)?
        .iter()
        .map(|job| job.intake.0)
        .collect();
    for intake in store::mails_to_read(conn)? {
        if !jobs.contains(&intake.0) {
            found.push(Mismatch::new(
                format!("mail {intake}, taken in"),
                "a job that reads it",
                "none",
            ));
        }
    }
    Ok(found)
}
