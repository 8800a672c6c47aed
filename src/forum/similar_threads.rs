//! Threads like the one being written: perhaps it is answered already.

use super::store::ThreadLine;
use super::store::lists;
use crate::app::App;
use crate::error::Result;
use crate::ranker;
use crate::search::Likeness;

/// Threads offered at most.
const OFFERED: usize = 5;
/// Below this confidence (0 to 1) a thread is not worth the reader's time.
const CONFIDENCE_MIN: f64 = 0.15;

/// A thread with what speaks for it.
pub struct Similar {
    pub line: ThreadLine,
    pub reasons: Vec<String>,
}

/// Public threads like `text`, best first; `product` is a slug.
pub fn similar_threads(app: &App, text: &str, product: Option<&str>) -> Result<Vec<Similar>> {
    let found = ranker::similar(
        app,
        &Likeness {
            text,
            product,
            limit: OFFERED,
            exclude: &[],
            at: Some(app.now().0),
        },
    )?;
    let sure: Vec<_> = found
        .into_iter()
        .filter(|s| s.confidence >= CONFIDENCE_MIN)
        .collect();
    let ids: Vec<i64> = sure.iter().map(|s| s.thread_id).collect();
    let lines = app.db.read(|conn| lists::threads_by_ids(conn, &ids))?;
    Ok(lines
        .into_iter()
        .map(|line| Similar {
            reasons: sure
                .iter()
                .find(|s| s.thread_id == line.id.0)
                .map(|s| s.reasons.clone())
                .unwrap_or_default(),
            line,
        })
        .collect())
}
