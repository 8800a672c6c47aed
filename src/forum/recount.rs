//! Counters are derived: this compares each with what it counts.

use super::store;
use crate::db::Conn;
use crate::error::Result;

/// A counter that disagrees with the rows it counts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mismatch {
    /// Table and column: `threads.reply_count`.
    pub counter: &'static str,
    pub id: i64,
    pub stored: i64,
    pub counted: i64,
}

/// Every counter of the forum that is wrong; empty when all is well.
pub fn recount(conn: &mut Conn) -> Result<Vec<Mismatch>> {
    store::counters::mismatches(conn)
}
