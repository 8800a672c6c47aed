//! What `offramp check` compares about cases.

use crate::db::Conn;
use crate::error::Result;

/// Two places that should agree and don't.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    pub what: String,
    pub expected: String,
    pub found: String,
}

/// Rules that hold of every case, checked over all of them.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    super::store::inconsistencies(conn)
}
