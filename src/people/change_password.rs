//! Changes the password of somebody who is logged in; their other devices are logged out.

use super::letters::{self, To};
use super::tokens::Purpose;
use super::{CurrentUser, log_in, passwords, store};
use crate::app::App;
use crate::error::{Problem, Result};

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// This browser goes on with a new session.
    Changed {
        session_token: String,
    },
    Problem(Problem),
}

pub const WRONG_PASSWORD: &str = "This is not your present password.";

pub fn change_password(
    app: &App,
    by: &CurrentUser,
    present: &str,
    new: &str,
    user_agent: &str,
) -> Result<Outcome> {
    let Some(user) = app.db.read(|c| store::user(c, by.id))? else {
        return Ok(Outcome::Problem(Problem::new(
            "present_password",
            WRONG_PASSWORD,
        )));
    };
    let email = user.email.as_deref().unwrap_or_default();
    if !passwords::is_right(present, user.password_hash.as_deref()) {
        tracing::warn!(user = %user.id, outcome = "wrong", "a change of password was refused");
        return Ok(Outcome::Problem(Problem::new(
            "present_password",
            WRONG_PASSWORD,
        )));
    }
    let site = &app.config.site.name;
    if let Some(problem) = passwords::problem("new_password", new, &user.name, email, site) {
        return Ok(Outcome::Problem(problem));
    }
    let hash = passwords::hash(&app.random, new)?;
    app.db.write(|tx| {
        if !store::has_password(tx, user.id, user.password_hash.as_deref())? {
            let problem = Problem::new("present_password", WRONG_PASSWORD);
            return Ok(Outcome::Problem(problem));
        }
        store::set_password_hash(tx, user.id, &hash)?;
        store::void_tokens(tx, Purpose::ResetPassword, user.id, app.now())?;
        // Whoever knew the old password may have asked for another address.
        store::void_tokens(tx, Purpose::ChangeEmail, user.id, app.now())?;
        store::delete_sessions(tx, user.id, None)?;
        let session_token = log_in::start_session(tx, app, user.id, user_agent)?;
        let to = To {
            email,
            name: &user.name,
            user: Some(user.id),
        };
        letters::password_changed(tx, app, &to, &session_token)?;
        tracing::info!(user = %user.id, "a user changed their password");
        Ok(Outcome::Changed { session_token })
    })
}
