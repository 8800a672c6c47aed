//! What `offramp check` compares about tickets.

use super::store;
use crate::db::{Conn, Mismatch};
use crate::error::Result;

/// What staff answered has its mail.
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
    Ok(found)
}
