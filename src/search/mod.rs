//! Full-text search over tantivy: schema, writer, reader, query language, "similar to this".
//!
//! Nothing in here knows a user or a slice. What enters is a [`ThreadDoc`], what leaves is a
//! thread's id with the reasons it was found.
//!
//! Invariants:
//! - **Only public threads are ever given to the index** ([`DocSource`]), so that nothing private
//!   can be found, suggested or shown in a snippet, whoever asks. No ticket text, no email
//!   address, no hidden post is part of a [`ThreadDoc`].
//! - The index is derived: it can be thrown away at any time and is built anew from the database.
//! - The position of the change log stands in the index commit itself, so that a kill between any
//!   two steps repeats work and never loses any.

mod compile;
mod correct;
mod index;
pub mod indexer;
mod query;
mod schema;
#[allow(clippy::module_inception)]
mod search;
mod similar;
mod snippet;
mod telling;

pub mod words;

pub use index::{Drift, SearchIndex};
pub use indexer::{Indexer, catch_up, rebuild};
pub use query::{Clause, Filters, QUERY_CHARS_MAX, SearchQuery};
pub use schema::REPLIES_BYTES_MAX;
pub use search::{Hit, PAGE_HITS_MAX, RESULTS_MAX, Results, Suggestion, Why};
pub use similar::{LIMIT_MAX, Likeness, Measured};
pub use telling::Reading;

/// The kinds of a thread, as the database writes them.
pub const KINDS: [&str; 5] = [
    "question",
    "discussion",
    "known_issue",
    "article",
    "announcement",
];

/// A public thread, as the index sees it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ThreadDoc {
    /// The thread's id in the database; positive.
    pub id: i64,
    /// The thread's version in the database, compared by [`SearchIndex::drift`].
    pub version: i64,
    /// The product's slug.
    pub product: String,
    /// The topic's slug.
    pub topic: Option<String>,
    /// One of [`KINDS`].
    pub kind: String,
    /// `open`, `solved` or `closed`.
    pub state: String,
    /// Whether staff have answered or written it officially.
    pub official: bool,
    /// Plain text.
    pub title: String,
    /// The opening post as plain text.
    pub body: String,
    /// The accepted answers as plain text, the primary one first.
    pub answers: Vec<String>,
    /// The other replies as plain text, oldest first; what exceeds
    /// [`REPLIES_BYTES_MAX`] is not indexed.
    pub replies: Vec<String>,
    /// The tags' slugs.
    pub tags: Vec<String>,
    /// The author's name key (lower case).
    pub author: String,
    /// ISO 639-1; told from the text when none is given.
    pub language: Option<String>,
    /// Microseconds since 1970, UTC.
    pub created_at: i64,
    /// Last activity, microseconds since 1970, UTC.
    pub active_at: i64,
    /// How many said "me too".
    pub me_too: u32,
}

/// Where threads come from. The implementation hands out public threads only: a thread that is
/// missing, hidden or in a private place is not in the answer.
pub trait DocSource: Send + Sync {
    /// The public threads among `ids`, in any order. An id without a document is deleted from the
    /// index.
    fn load(&self, ids: &[i64]) -> crate::error::Result<Vec<ThreadDoc>>;

    /// The next public threads by rising id after `id`, at most `limit`; empty at the end.
    fn after(&self, id: i64, limit: usize) -> crate::error::Result<Vec<ThreadDoc>>;
}

/// What can go wrong in searching and indexing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index can't be read or written: disk full, no permission, damaged files.
    #[error("the search index in {dir}: {cause}")]
    Index {
        /// The index's folder.
        dir: String,
        /// What tantivy said.
        cause: tantivy::TantivyError,
    },
    /// The folder of the index can't be used.
    #[error("the search index in {dir}: {cause}")]
    Folder {
        /// The index's folder.
        dir: String,
        /// What the file system said.
        cause: std::io::Error,
    },
    /// Another process writes this index.
    #[error("the search index in {dir} is being written by another process")]
    Busy {
        /// The index's folder.
        dir: String,
    },
    /// The threads could not be loaded.
    #[error("loading threads for the search index: {0}")]
    Source(crate::error::Error),
    /// tantivy failed while answering a query.
    #[error("searching: {0}")]
    Search(#[from] tantivy::TantivyError),
    /// Reading the index's files failed while answering a query.
    #[error("searching: {0}")]
    Read(#[from] std::io::Error),
}

/// A result of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Error> for crate::error::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Source(cause) => cause,
            error => crate::error::Error::Search(error.to_string()),
        }
    }
}
