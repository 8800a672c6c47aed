//! Notices that were read long ago, and addresses that answer such no more.

use serde::{Deserialize, Serialize};

use super::store::{self, followers};
use crate::app::App;
use crate::clock::DAY;
use crate::error::Result;
use crate::jobs::{Job, Next};

/// How often (µs).
pub const EVERY: i64 = DAY;
/// Read notices stay this long (µs).
const KEEP_READ: i64 = 90 * DAY;
/// Tokens stay this long after they expired, so that an answer by one is told that it came too late (µs).
const KEEP_EXPIRED: i64 = 180 * DAY;
/// Rows deleted in one transaction.
const BATCH: i64 = 500;

/// Forgets both.
#[derive(Default, Serialize, Deserialize)]
pub struct ForgetRead {}

impl Job for ForgetRead {
    const KIND: &'static str = "forum_forget_read";

    fn run(&self, app: &App) -> Result<Next> {
        let before = app.now().plus(-KEEP_READ);
        while app
            .db
            .write(|tx| followers::forget_read(tx, before, BATCH))?
            > 0
        {}
        let before = app.now().plus(-KEEP_EXPIRED);
        while app
            .db
            .write(|tx| store::forget_reply_tokens(tx, before, BATCH))?
            > 0
        {}
        Ok(Next::Done)
    }
}
