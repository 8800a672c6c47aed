//! Makes an account for somebody: by an admin, or by the operator at the command line.

use super::letters::{self, To};
use super::tokens::{self, Purpose};
use super::{Role, passwords, set_role, store};
use crate::app::App;
use crate::clock::DAY;
use crate::db::audit::{self, Act, Actor};
use crate::error::{Problem, Result};
use crate::ids::UserId;
use crate::text::names;

/// How long the link of an invitation is good (µs).
const INVITATION_LIFETIME: i64 = 7 * DAY;

/// An account to be made.
#[derive(Clone, Debug)]
pub struct NewAccount {
    pub name: String,
    pub email: String,
    /// Without one, a mail invites them to choose it.
    pub password: Option<String>,
    pub role: Role,
    /// Slugs of the products a member of staff looks after; none means all.
    pub products: Vec<String>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Created(UserId),
    Problems(Vec<Problem>),
}

pub fn create_user(app: &App, by: &Actor, account: &NewAccount) -> Result<Outcome> {
    let mut problems = Vec::new();
    let name = names::user_name(&account.name).unwrap_or_else(|e| {
        problems.push(Problem::new("name", e.to_string()));
        String::new()
    });
    let email = names::email(&account.email).unwrap_or_else(|| {
        problems.push(Problem::new("email", super::register::EMAIL_WANTED));
        String::new()
    });
    if let Some(password) = &account.password {
        problems.extend(passwords::problem(
            "password",
            password,
            &name,
            &email,
            &app.config.site.name,
        ));
    }
    if !problems.is_empty() {
        return Ok(Outcome::Problems(problems));
    }
    let hash = account
        .password
        .as_ref()
        .map(|p| passwords::hash(&app.random, p))
        .transpose()?;
    let now = app.now();
    let created = app.db.write(|tx| {
        if store::name_is_taken(tx, &name)? {
            problems.push(Problem::new("name", super::register::NAME_TAKEN));
        }
        if store::by_email(tx, &email)?.is_some() {
            problems.push(Problem::new(
                "email",
                "This address has an account already.",
            ));
        }
        let (products, unknown) = set_role::products_of(tx, account.role, &account.products)?;
        problems.extend(unknown);
        if !problems.is_empty() {
            return Ok(Outcome::Problems(std::mem::take(&mut problems)));
        }
        let user = store::NewUser {
            name: &name,
            email: Some(&email),
            // Whoever made the account answers for the address.
            email_verified_at: Some(now),
            password_hash: hash.as_deref(),
            role: account.role,
        };
        let id = store::insert_user(tx, &user, now)?;
        store::set_staff_products(tx, id, &products)?;
        if hash.is_none() {
            let purpose = Purpose::ResetPassword;
            let token = tokens::issue(tx, app, purpose, Some(id), "", INVITATION_LIFETIME)?;
            let to = To {
                email: &email,
                name: &name,
                user: Some(id),
            };
            letters::invitation(tx, app, &to, &token)?;
        }
        audit::record(
            tx,
            now,
            Act {
                by,
                act: "user_created",
                subject: ("user", id.0),
                reason: "",
                data: serde_json::json!({
                    "role": account.role.as_str(), "products": account.products,
                }),
            },
        )?;
        Ok(Outcome::Created(id))
    });
    match created {
        Err(e) if e.is_duplicate() => Ok(Outcome::Problems(vec![Problem::new(
            "",
            "The name or the address was taken in this moment. Try again.",
        )])),
        other => other,
    }
}
