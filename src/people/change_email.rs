//! Asks for another email address: the new one is proved by a link (`verify_email`), which also
//! tells the old one. That one hears at once that it was asked for.

use super::change_password::WRONG_PASSWORD;
use super::letters::{self, To};
use super::tokens::{self, Purpose};
use super::{CurrentUser, passwords, store};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::text::names;

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A mail goes to the new address, whoever it belongs to.
    MailSent {
        email: String,
    },
    Problem(Problem),
}

pub fn change_email(app: &App, by: &CurrentUser, email: &str, password: &str) -> Result<Outcome> {
    let refuse = |field, text: &str| Ok(Outcome::Problem(Problem::new(field, text)));
    let Some(email) = names::email(email) else {
        return refuse("email", super::register::EMAIL_WANTED);
    };
    let Some(user) = app.db.read(|c| store::user(c, by.id))? else {
        return refuse("email_password", WRONG_PASSWORD);
    };
    if !passwords::is_right(password, user.password_hash.as_deref()) {
        tracing::warn!(user = %user.id, outcome = "wrong", "a change of address was refused");
        return refuse("email_password", WRONG_PASSWORD);
    }
    if user.email.as_deref() == Some(&*email) {
        return refuse("email", "This is the address you have already.");
    }
    app.db.write(|tx| {
        if !store::has_password(tx, user.id, user.password_hash.as_deref())? {
            return refuse("email_password", WRONG_PASSWORD);
        }
        if let Some(present) = &user.email {
            let to = To {
                email: present,
                name: &user.name,
                user: Some(user.id),
            };
            letters::new_email_asked(tx, app, &to, &app.random.token())?;
        }
        let other = store::by_email(tx, &email)?.filter(|other| other.id != user.id);
        if let Some(other) = other {
            let to = To {
                email: &email,
                name: &other.name,
                user: Some(other.id),
            };
            letters::address_in_use(tx, app, &to, &app.random.token())?;
            return Ok(Outcome::MailSent { email });
        }
        let purpose = Purpose::ChangeEmail;
        let token = tokens::issue(tx, app, purpose, Some(user.id), &email, purpose.lifetime())?;
        let to = To {
            email: &email,
            name: &user.name,
            user: Some(user.id),
        };
        letters::confirm_new_email(tx, app, &to, &token)?;
        Ok(Outcome::MailSent { email })
    })
}
