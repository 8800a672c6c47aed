//! Logs in with a password, and starts sessions.

use serde::Deserialize;

use super::{passwords, store};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::UserId;
use crate::text::names;

/// Longest description of a browser that is kept, in characters.
const USER_AGENT_CHARS_MAX: usize = 300;

/// What the form has, and where it came from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct LogIn {
    /// An email address or a user name.
    pub who: String,
    pub password: String,
    /// Where to go afterwards.
    pub next: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    LoggedIn {
        user: UserId,
        session_token: String,
    },
    /// Unknown, without a password, or the wrong one: nobody is told which.
    Wrong,
}

/// The key by which attempts at one account are counted, known or not.
pub fn account_key(who: &str) -> String {
    let who: String = who.chars().take(names::EMAIL_BYTES_MAX).collect();
    names::email_key(&who).unwrap_or_else(|| names::key(&who))
}

/// `old_token` is the session that the browser had before: it ends, so that nobody who planted or
/// saw a token is logged in with it.
pub fn log_in(
    app: &App,
    typed: &LogIn,
    user_agent: &str,
    old_token: Option<&str>,
) -> Result<Outcome> {
    let found = match typed.who.chars().nth(names::EMAIL_BYTES_MAX) {
        // Longer than any name or address: nobody, answered as slowly as for somebody.
        Some(_) => None,
        None => app.db.read(|c| store::credentials(c, &typed.who))?,
    };
    let stored = found.as_ref().and_then(|f| f.password_hash.as_deref());
    let is_right = passwords::is_right(&typed.password, stored);
    let user = found.as_ref().map(|f| f.id.0);
    let Some(found) = found.filter(|f| is_right && f.is_verified) else {
        tracing::warn!(user, outcome = "wrong", "a log-in failed");
        return Ok(Outcome::Wrong);
    };
    let rehashed = match &found.password_hash {
        Some(hash) if passwords::is_outdated(hash) => {
            Some(passwords::hash(&app.random, &typed.password)?)
        }
        _ => None,
    };
    let session_token = app.db.write(|tx| {
        if !store::has_password(tx, found.id, found.password_hash.as_deref())? {
            return Ok(None);
        }
        if let Some(hash) = &rehashed {
            store::set_password_hash(tx, found.id, hash)?;
        }
        if let Some(old) = old_token {
            store::delete_session_of_token(tx, &app.keys.session_hash(old))?;
        }
        start_session(tx, app, found.id, user_agent).map(Some)
    })?;
    let Some(session_token) = session_token else {
        tracing::warn!(user, outcome = "changed meanwhile", "a log-in failed");
        return Ok(Outcome::Wrong);
    };
    tracing::info!(user, outcome = "logged in", "a log-in");
    Ok(Outcome::LoggedIn {
        user: found.id,
        session_token,
    })
}

/// Starts a session and answers its token, which only the browser keeps.
pub fn start_session(tx: &mut Conn, app: &App, user: UserId, user_agent: &str) -> Result<String> {
    let token = app.random.token();
    let user_agent: String = user_agent.chars().take(USER_AGENT_CHARS_MAX).collect();
    let hash = app.keys.session_hash(&token);
    store::insert_session(tx, user, &hash, &user_agent, app.now())?;
    Ok(token)
}
