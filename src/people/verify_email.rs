//! Verifies an address by the link of a mail: makes the account of a registration, or gives a
//! user the new address they asked for.
//!
//! Opening the link only shows a button; mail scanners open links too.

use super::letters::{self, To};
use super::register::{NAME_TAKEN, Pending};
use super::tokens::{self, Purpose, Token};
use super::{Role, log_in, passwords, store};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Error, Problem, Result};
use crate::text::names;

/// What the link is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Registration {
        name: String,
        email: String,
    },
    NewAddress {
        email: String,
    },
    /// Used, out of date or never ours.
    Void,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The account is made, and logged in by this session token.
    Registered {
        session_token: String,
        name: String,
    },
    AddressChanged,
    /// The password won't do, or the name was taken since.
    Problems(Vec<Problem>),
    /// The address got another account since.
    AddressTaken,
    Void,
}

/// What a link is for, without using it.
pub fn look(app: &App, token: &str) -> Result<Link> {
    let now = app.now();
    app.db.read(|c| {
        if let Some(found) = tokens::look(c, Purpose::VerifyEmail, token, now)? {
            let pending = pending(&found)?;
            return Ok(Link::Registration {
                name: pending.name,
                email: pending.email,
            });
        }
        Ok(match tokens::look(c, Purpose::ChangeEmail, token, now)? {
            Some(found) => Link::NewAddress { email: found.data },
            None => Link::Void,
        })
    })
}

/// `name` replaces the registered name; empty: that one. A new address needs no `password`: it was
/// asked for with it.
pub fn verify_email(
    app: &App,
    token: &str,
    name: &str,
    password: &str,
    user_agent: &str,
) -> Result<Outcome> {
    let now = app.now();
    let registration = app
        .db
        .read(|c| tokens::look(c, Purpose::VerifyEmail, token, now))?;
    let outcome = match registration {
        Some(found) => {
            let pending = pending(&found)?;
            let wanted = if name.is_empty() { &pending.name } else { name };
            let mut problems = Vec::new();
            let name = names::user_name(wanted).unwrap_or_else(|e| {
                problems.push(Problem::new("name", e.to_string()));
                String::new()
            });
            problems.extend(passwords::problem(
                "password",
                password,
                &name,
                &pending.email,
                &app.config.site.name,
            ));
            if !problems.is_empty() {
                return Ok(Outcome::Problems(problems));
            }
            let hash = passwords::hash(&app.random, password)?;
            app.db
                .write(|tx| make_account(tx, app, token, &pending.email, &name, &hash, user_agent))
        }
        None => app.db.write(
            |tx| match tokens::take(tx, Purpose::ChangeEmail, token, now)? {
                Some(found) => change_address(tx, app, &found),
                None => Ok(Outcome::Void),
            },
        ),
    };
    match outcome {
        // The transaction was undone, so the link is still good.
        Err(e) if e.is_duplicate_of("email_key") => Ok(Outcome::AddressTaken),
        Err(e) if e.is_duplicate_of("name_key") => Ok(name_taken()),
        other => other,
    }
}

fn name_taken() -> Outcome {
    Outcome::Problems(vec![Problem::new("name", NAME_TAKEN)])
}

fn pending(token: &Token) -> Result<Pending> {
    serde_json::from_str(&token.data).map_err(|e| Error::Data(format!("a registration: {e}")))
}

fn make_account(
    tx: &mut Conn,
    app: &App,
    token: &str,
    email: &str,
    name: &str,
    password_hash: &str,
    user_agent: &str,
) -> Result<Outcome> {
    let now = app.now();
    if store::name_is_taken(tx, name)? {
        return Ok(name_taken());
    }
    if store::by_email(tx, email)?.is_some() {
        tokens::take(tx, Purpose::VerifyEmail, token, now)?;
        return Ok(Outcome::AddressTaken);
    }
    if tokens::take(tx, Purpose::VerifyEmail, token, now)?.is_none() {
        return Ok(Outcome::Void);
    }
    let user = store::NewUser {
        name,
        email: Some(email),
        email_verified_at: Some(now),
        password_hash: Some(password_hash),
        role: Role::Member,
    };
    let id = store::insert_user(tx, &user, now)?;
    let session_token = log_in::start_session(tx, app, id, user_agent)?;
    tracing::info!(user = %id, "a user registered");
    Ok(Outcome::Registered {
        session_token,
        name: name.to_owned(),
    })
}

fn change_address(tx: &mut Conn, app: &App, token: &Token) -> Result<Outcome> {
    let Some(user) = token
        .user
        .map(|id| store::user(tx, id))
        .transpose()?
        .flatten()
    else {
        return Ok(Outcome::Void);
    };
    if store::by_email(tx, &token.data)?.is_some_and(|other| other.id != user.id) {
        return Ok(Outcome::AddressTaken);
    }
    store::set_email(tx, user.id, &token.data, app.now())?;
    store::void_tokens(tx, Purpose::ResetPassword, user.id, app.now())?;
    if let Some(old) = &user.email {
        let to = To {
            email: old,
            name: &user.name,
            user: Some(user.id),
        };
        letters::email_changed(tx, app, &to, &format!("{}", token.id))?;
    }
    tracing::info!(user = %user.id, "a user changed their email address");
    Ok(Outcome::AddressChanged)
}
