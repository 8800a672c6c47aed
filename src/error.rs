//! Which type belongs where:
//! * `Error` is for what the caller can't decide about: the database is away, the disk is full.
//!   It becomes a page or a log line, never a word about internals to a visitor.
//! * What a person can get wrong is not an `Error`: a verb returns an outcome enum or a list of
//!   `Problem`s, and the page shows them beside what was typed.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database answered with an error, or did not answer.
    #[error("database: {0}")]
    Db(#[from] diesel::result::Error),
    /// No connection could be had.
    #[error("database connection: {0}")]
    Pool(String),
    /// The disk, a file, a socket.
    #[error("{what}: {source}")]
    Io {
        what: String,
        source: std::io::Error,
    },
    /// The search index.
    #[error("search index: {0}")]
    Search(String),
    /// A stored value that this version can't read.
    #[error("stored data: {0}")]
    Data(String),
    /// Something that must not happen, told with enough to find it.
    #[error("{0}")]
    Other(String),
}

impl Error {
    pub fn other(what: impl fmt::Display) -> Error {
        Error::Other(what.to_string())
    }

    pub fn io(what: impl fmt::Display, source: std::io::Error) -> Error {
        Error::Io {
            what: what.to_string(),
            source,
        }
    }

    /// Whether this is a unique key that was already taken.
    pub fn is_duplicate(&self) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as D};
        matches!(
            self,
            Error::Db(D::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
        )
    }

    /// Whether this is the unique key of this column that was already taken.
    pub fn is_duplicate_of(&self, column: &str) -> bool {
        use diesel::result::{DatabaseErrorKind, Error as D};
        match self {
            // PostgreSQL names the constraint, `users_email_key_key`; SQLite says the column.
            Error::Db(D::DatabaseError(DatabaseErrorKind::UniqueViolation, info)) => info
                .constraint_name()
                .unwrap_or(info.message())
                .contains(column),
            _ => false,
        }
    }

    /// Whether the store can't take writes now: full, read-only, locked or away. Whatever asked for
    /// the write is not at fault, and may ask again later.
    /// The words say what the operator has to do.
    pub fn store_trouble(&self) -> Option<&'static str> {
        let text = match self {
            Error::Db(e) => e.to_string(),
            Error::Pool(e) => e.clone(),
            Error::Io { source, .. } => source.to_string(),
            _ => return None,
        };
        let text = text.to_lowercase();
        if text.contains("disk is full") || text.contains("no space left") {
            Some("The disk is full. Nothing was lost that was confirmed; free some space.")
        } else if text.contains("readonly") || text.contains("read-only") {
            Some("The database can't be written to (read-only). Check its file's permissions.")
        } else if matches!(self, Error::Io { .. }) || text.contains("disk i/o error") {
            Some(
                "A file can't be read or written. Look at the disk, and at the rights of the data folder.",
            )
        } else if ["locked", "busy", "deadlock", "could not serialize"]
            .iter()
            .any(|words| text.contains(words))
        {
            Some("The database is busy. Trying again in a moment usually helps.")
        } else if matches!(self, Error::Pool(_)) || text.contains("connection") {
            Some("The database can't be reached at the moment.")
        } else {
            None
        }
    }
}

/// One thing a person can put right: the field it is about (empty: the whole form) and what to do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    pub field: &'static str,
    pub text: String,
}

impl Problem {
    pub fn new(field: &'static str, text: impl Into<String>) -> Problem {
        Problem {
            field,
            text: text.into(),
        }
    }
}
