//! How the watched mailboxes fare, for whoever looks after them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::store::mailboxes as store;
use crate::clock::Moment;
use crate::config::Mailbox;
use crate::db::Conn;
use crate::error::Result;

/// What a mailbox is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Nobody has reached it yet.
    Starting,
    /// The server tells of new mail by itself (IDLE).
    Listening,
    /// It is looked at every so often.
    Polling,
    /// It can't be read; it is tried again.
    Failing,
}

impl State {
    const ALL: [State; 4] = [
        State::Starting,
        State::Listening,
        State::Polling,
        State::Failing,
    ];

    /// The word in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Starting => store::STARTING,
            State::Listening => "listening",
            State::Polling => "polling",
            State::Failing => "failing",
        }
    }

    fn of(word: &str) -> State {
        let state = State::ALL.into_iter().find(|s| s.as_str() == word);
        state.unwrap_or(State::Starting)
    }
}

/// One mailbox's health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    /// As the configuration calls it.
    pub name: String,
    pub state: State,
    /// What is wrong and what to do, in plain words. Of a mailbox that does not fail: what was left in
    /// it.
    pub error: Option<String>,
    /// Since when it fails, or when mail was left in it.
    pub failed_at: Option<Moment>,
    /// When it was last read to its end.
    pub ok_at: Option<Moment>,
    /// When mail last came by it.
    pub mail_at: Option<Moment>,
}

impl Health {
    /// What somebody has to look at, in a sentence that names the mailbox; `None` when all is well.
    pub fn trouble(&self) -> Option<String> {
        let error = self.error.as_ref()?;
        let fails = match self.state {
            State::Failing => " can’t be read",
            State::Starting | State::Listening | State::Polling => "",
        };
        Some(format!("Mailbox {}{fails}: {error}", self.name))
    }
}

/// The health of every configured mailbox, by name; those that are configured no more are left out.
pub fn health(conn: &mut Conn, configured: &BTreeMap<String, Mailbox>) -> Result<Vec<Health>> {
    let mut rows = store::all(conn)?;
    let mut of = |name: &String| {
        let at = rows.iter().position(|row| row.name == *name)?;
        let row = rows.swap_remove(at);
        Some(Health {
            name: row.name,
            state: State::of(&row.state),
            error: row.error,
            failed_at: row.failed_at.map(Moment),
            ok_at: row.ok_at.map(Moment),
            mail_at: row.mail_at.map(Moment),
        })
    };
    let unread = |name: &String| Health {
        name: name.clone(),
        state: State::Starting,
        error: None,
        failed_at: None,
        ok_at: None,
        mail_at: None,
    };
    Ok(configured
        .keys()
        .map(|name| of(name).unwrap_or_else(|| unread(name)))
        .collect())
}
