//! Queries of the forum: what exists, and the writes that verbs are made of, each subject in its own
//! file.

pub mod counters;
pub mod deflections;
pub mod followers;
pub mod lists;
#[cfg(test)]
mod plans;
mod posts;
mod products;
pub mod reading;
pub mod recipients;
mod reply_tokens;
pub mod searching;
pub mod settings;
mod tags;
mod threads;
pub mod vectors;

use diesel::prelude::*;

use crate::db::Conn;
use crate::db::schema::users;
use crate::error::{Error, Result};
use crate::ids::UserId;

pub use lists::{Cursor, Filter, ThreadLine, contributions};
pub use posts::*;
pub use products::*;
pub use reading::{PostLine, RevisionLine, ThreadHead};
pub use reply_tokens::*;
pub use tags::*;
pub use threads::*;

/// A stored word as its enum.
fn word<T: std::str::FromStr<Err = String>>(stored: &str) -> Result<T> {
    stored.parse().map_err(Error::Data)
}

/// Whether this user confirmed their email address; `None` when there is no such user any more.
pub fn is_verified(conn: &mut Conn, user: UserId) -> Result<Option<bool>> {
    let at: Option<Option<i64>> = users::table
        .filter(users::id.eq(user.0).and(users::erased_at.is_null()))
        .select(users::email_verified_at)
        .first(conn)
        .optional()?;
    Ok(at.map(|at| at.is_some()))
}
