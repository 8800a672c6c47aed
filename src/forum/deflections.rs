//! The ledger of deflections: threads like the one being written were shown, one was opened, it solved
//! the problem, or the message was written all the same.
//!
//! A row stands for one form that showed threads. Its key is a digest of the form's own random key; of
//! a visitor nothing else is kept, of a member who it was, so that a case they open within seven days
//! takes the credit back.

use super::store::{self, deflections as ledger};
use super::thread_path;
use crate::app::App;
use crate::clock::{HOUR, Moment};
use crate::db::Conn;
use crate::error::Result;
use crate::ids::{ThreadId, UserId};
use crate::keys;

/// How long after its threads were shown (µs) a form that nobody sent counts as left.
pub const LEFT_AFTER: i64 = HOUR;
/// Letters of a key: enough that nobody meets another's by chance.
const KEY_CHARS: usize = 24;

/// Where threads were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The form of a new thread.
    Ask,
    /// The contact form.
    Contact,
}

impl Place {
    /// The word in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Place::Ask => "ask",
            Place::Contact => "contact",
        }
    }

    /// The place whose form names itself so.
    pub fn of(word: &str) -> Option<Place> {
        [Place::Ask, Place::Contact]
            .into_iter()
            .find(|place| place.as_str() == word)
    }
}

/// The key of a form's row; `None` for a form without a key of its own.
pub fn key_of(request_key: &str) -> Option<String> {
    let request_key = request_key.trim();
    (!request_key.is_empty()).then(|| {
        let mut digest = keys::digest(format!("similar threads {request_key}").as_bytes());
        digest.truncate(KEY_CHARS);
        digest
    })
}

/// Notes that a form showed threads: once for each form, in a transaction of its own. A ledger that
/// can't be written keeps nobody from reading.
pub fn shown(
    app: &App,
    request_key: &str,
    place: Place,
    product: Option<&str>,
    user: Option<UserId>,
) {
    let Some(key) = key_of(request_key) else {
        return;
    };
    let known = app.db.read(|c| ledger::is_known(c, &key));
    if known.is_ok_and(|known| known) {
        return;
    }
    let now = app.now();
    let noted = app.db.write(|tx| {
        let product = match product {
            Some(slug) => store::product_by_slug(tx, slug)?,
            None => None,
        };
        ledger::insert(tx, &key, place, product.map(|p| p.id), user, now)
    });
    if let Err(error) = noted {
        tracing::warn!(%error, "that similar threads were shown could not be noted");
    }
}

/// Notes that a thread was opened from the form, and says where it is; `None` when there is no such
/// thread that everybody can read.
pub fn opened(app: &App, key: &str, thread: ThreadId) -> Result<Option<String>> {
    let found = app.db.read(|c| store::thread(c, thread))?;
    let Some(thread) = found.filter(|t| t.visibility == super::Visibility::Public) else {
        return Ok(None);
    };
    if app.db.read(|c| ledger::is_unopened(c, key))? {
        let now = app.now();
        app.db
            .write(|tx| ledger::set_opened(tx, key, thread.id, now))?;
    }
    Ok(Some(thread_path(thread.id, &thread.slug)))
}

/// Notes that one of the threads solved it; false when there is no such form, or it was sent.
pub fn solved(app: &App, key: &str) -> Result<bool> {
    if !app.db.read(|c| ledger::is_known(c, key))? {
        return Ok(false);
    }
    let now = app.now();
    app.db.write(|tx| ledger::set_solved(tx, key, now))
}

/// Notes that the message was written all the same, in the transaction that takes it.
pub fn written(tx: &mut Conn, request_key: &str, now: Moment) -> Result<()> {
    match key_of(request_key) {
        Some(key) => ledger::set_written(tx, &key, now),
        None => Ok(()),
    }
}
