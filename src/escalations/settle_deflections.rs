//! Settle: who was shown a thread and left, and opens a case within seven days, was not helped by it. The
//! ledger's credit is taken back.

use serde::{Deserialize, Serialize};

use super::store::deflections as store;
use crate::app::App;
use crate::clock::{DAY, MINUTE};
use crate::error::Result;
use crate::jobs::{Job, Next};

/// Time between two looks (µs).
pub const EVERY: i64 = 10 * MINUTE;
/// How long after it was shown a thread (µs) a case of the same person takes the credit back.
pub const CREDIT_LASTS: i64 = 7 * DAY;
/// Rows of the ledger looked at in one transaction.
const BATCH_ROWS: i64 = 200;

/// One look at the credits that may still be taken back.
#[derive(Default, Serialize, Deserialize)]
pub struct SettleDeflections {}

impl Job for SettleDeflections {
    const KIND: &'static str = "settle_deflections";
    const LEASE: i64 = 30 * MINUTE;

    fn dedupe_key(&self) -> Option<String> {
        Some("all".to_owned())
    }

    fn run(&self, app: &App) -> Result<Next> {
        let now = app.now();
        // A case that was opened on the last day is found by the look after it.
        let mut after = (now.plus(-CREDIT_LASTS - 2 * EVERY), 0);
        loop {
            let credits = app.db.read(|c| store::credits(c, after, BATCH_ROWS))?;
            let Some(last) = credits.last() else {
                return Ok(Next::Done);
            };
            after = (last.shown_at, last.id);
            for credit in &credits {
                let until = credit.shown_at.plus(CREDIT_LASTS);
                let later = app
                    .db
                    .read(|c| store::case_of_member(c, credit.user, credit.shown_at, until))?;
                if let Some(case) = later {
                    app.db
                        .write(|tx| store::take_back(tx, credit.id, case, now))?;
                }
            }
        }
    }
}
