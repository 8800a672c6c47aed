//! Registers: checks what was typed, and mails the link by which the account is made.
//!
//! The account itself is made by `verify_email`, where its password is chosen too: whoever opens
//! the mail decides, not whoever typed the address. Until then nothing exists that could be seen:
//! neither an address nor a name is taken, so the answer is the same whether the address has an
//! account or not, and there is no account that is not verified.

use serde::{Deserialize, Serialize};

use super::letters::{self, To};
use super::store;
use super::tokens::{self, Purpose};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::text::names;

/// What the form has.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Registration {
    pub name: String,
    pub email: String,
}

/// What the token keeps until the address is proved.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pending {
    pub name: String,
    pub email: String,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A mail goes out, whoever the address belongs to.
    MailSent {
        email: String,
    },
    Problems(Vec<Problem>),
}

pub fn register(app: &App, typed: &Registration) -> Result<Outcome> {
    let mut problems = Vec::new();
    let name = match names::user_name(&typed.name) {
        Ok(name) => name,
        Err(e) => {
            problems.push(Problem::new("name", e.to_string()));
            String::new()
        }
    };
    let email = match names::email(&typed.email) {
        Some(email) => email,
        None => {
            problems.push(Problem::new("email", EMAIL_WANTED));
            String::new()
        }
    };
    // Names stand on public pages, so that one is taken may be said.
    if !name.is_empty() && app.db.read(|c| store::name_is_taken(c, &name))? {
        problems.push(Problem::new("name", NAME_TAKEN));
    }
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let pending = serde_json::to_string(&Pending {
        name: name.clone(),
        email: email.clone(),
    })
    .map_err(Error::other)?;
    app.db.write(|tx| {
        if let Some(user) = store::by_email(tx, &email)? {
            let to = To {
                email: &email,
                name: &user.name,
                user: Some(user.id),
            };
            return letters::already_registered(tx, app, &to, &app.random.token());
        }
        let purpose = Purpose::VerifyEmail;
        let token = tokens::issue(tx, app, purpose, None, &pending, purpose.lifetime())?;
        let to = To {
            email: &email,
            name: &name,
            user: None,
        };
        letters::verify_email(tx, app, &to, &token)
    })?;
    Ok(Outcome::MailSent { email })
}

pub const NAME_TAKEN: &str = "Somebody else has this name. Choose another.";
pub const EMAIL_WANTED: &str = "This is no email address. It looks like name@example.com.";
