//! `offramp reindex`: builds the search index anew beside the one in use, then swaps.

use crate::app::App;
use crate::error::Result;
use crate::forum::docs::Docs;
use crate::search::indexer;

/// Rebuilds the index; a running server keeps answering from the old one and takes the new one
/// over when it is whole. Returns the number of threads.
pub fn reindex(app: &App) -> Result<u64> {
    Ok(indexer::rebuild(
        &app.index,
        &app.db,
        &Docs::new(app.db.clone()),
    )?)
}
