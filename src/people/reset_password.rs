//! Sets a new password without the old one: asked for by address, done by the link of a mail.

use serde::{Deserialize, Serialize};

use super::letters::{self, To};
use super::tokens::{self, Purpose};
use super::{passwords, store};
use crate::app::App;
use crate::db::{Lock, lock};
use crate::error::{Problem, Result};
use crate::jobs::{self, Job, Next};
use crate::text::names;

/// What became of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// If the address has an account, a mail goes to it.
    MailSent {
        email: String,
    },
    Problem(Problem),
}

/// Asks for a link. The account is looked up by a job, so that the answer is the same, and takes
/// the same time, whether there is one or not.
pub fn ask_reset(app: &App, email: &str) -> Result<Asked> {
    let Some(email) = names::email(email) else {
        return Ok(Asked::Problem(Problem::new(
            "email",
            super::register::EMAIL_WANTED,
        )));
    };
    let job = MailReset {
        email: email.clone(),
        request: app.random.token(),
    };
    app.db.write(|tx| jobs::enqueue(tx, app.now(), &job))?;
    Ok(Asked::MailSent { email })
}

/// Mails the link, when the address has an account.
#[derive(Serialize, Deserialize)]
pub struct MailReset {
    /// The address as it was typed: there may be no row yet that an id could name.
    email: String,
    /// Names the request: the token is derived from it, so that a second run writes no second mail.
    request: String,
}

impl Job for MailReset {
    const KIND: &'static str = "mail_reset";

    fn run(&self, app: &App) -> Result<Next> {
        app.db.write(|tx| {
            let Some(user) = store::by_email(tx, &self.email)? else {
                return Ok(());
            };
            let token = app.keys.sign("reset_password", &self.request);
            if !tokens::issue_as(tx, app, Purpose::ResetPassword, user.id, &token)? {
                return Ok(());
            }
            // To the address on record, which differs from the typed one by case at most.
            let to = To {
                email: user.email.as_deref().unwrap_or(&self.email),
                name: &user.name,
                user: Some(user.id),
            };
            letters::reset_password(tx, app, &to, &token)
        })?;
        Ok(Next::Done)
    }
}

/// What became of setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// All devices are logged out; the person logs in with the new password.
    Done,
    Problem(Problem),
    /// Used, out of date or never ours.
    Void,
}

/// Whether the link still works, without using it.
pub fn is_good(app: &App, token: &str) -> Result<bool> {
    let now = app.now();
    let found = app
        .db
        .read(|c| tokens::look(c, Purpose::ResetPassword, token, now))?;
    Ok(found.is_some())
}

pub fn set_password(app: &App, token: &str, password: &str) -> Result<Set> {
    let now = app.now();
    let user = app.db.read(|c| {
        let found = tokens::look(c, Purpose::ResetPassword, token, now)?;
        match found.and_then(|t| t.user) {
            Some(id) => store::user(c, id),
            None => Ok(None),
        }
    })?;
    let Some(user) = user else {
        return Ok(Set::Void);
    };
    let email = user.email.as_deref().unwrap_or_default();
    let site = &app.config.site.name;
    if let Some(problem) = passwords::problem("password", password, &user.name, email, site) {
        return Ok(Set::Problem(problem));
    }
    let hash = passwords::hash(&app.random, password)?;
    app.db.write(|tx| {
        if tokens::take(tx, Purpose::ResetPassword, token, now)?.is_none() {
            return Ok(Set::Void);
        }
        lock(tx, Lock::User(user.id.0))?;
        store::set_password_hash(tx, user.id, &hash)?;
        // Whoever knew the old password may have asked for another address.
        store::void_tokens(tx, Purpose::ChangeEmail, user.id, now)?;
        // The link came by mail, so the address is theirs.
        store::verify_address(tx, user.id, now)?;
        store::delete_sessions(tx, user.id, None)?;
        let to = To {
            email,
            name: &user.name,
            user: Some(user.id),
        };
        letters::password_changed(tx, app, &to, token)?;
        tracing::info!(user = %user.id, "a user reset their password");
        Ok(Set::Done)
    })
}
