//! The mails about accounts, in words.

use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::UserId;
use crate::keys;
use crate::mail::outbox::{self, NewMail};
use crate::mail::outgoing::Automatic;
use crate::mail::render::{Letter, Paragraph};

/// Whom a letter goes to.
pub struct To<'a> {
    pub email: &'a str,
    pub name: &'a str,
    pub user: Option<UserId>,
}

/// Puts a letter into the outbox, in the transaction of the decision it tells of. `key` makes it
/// one letter however often that decision is written.
fn put(
    tx: &mut Conn,
    app: &App,
    purpose: &'static str,
    to: &To<'_>,
    key: &str,
    subject: &str,
    paragraphs: Vec<Paragraph>,
) -> Result<()> {
    let site = &app.config.site;
    let letter = Letter {
        subject: subject.to_owned(),
        language: "en".into(),
        greeting: format!("Hello {},", to.name),
        paragraphs,
        footer: format!(
            "{}, {}\nThis mail is about your account; it is sent whatever notices you chose.",
            site.name, site.url
        ),
        replies_welcome: false,
    };
    outbox::put(
        tx,
        app,
        &NewMail {
            purpose,
            to_email: to.email.to_owned(),
            to_name: to.name.to_owned(),
            letter,
            dedupe_key: format!("{purpose}:{}", keys::token_hash(key)),
            user: to.user,
            automatic: Automatic::Generated,
            is_account: true,
            is_secret: true,
            ..NewMail::default()
        },
    )?;
    Ok(())
}

fn text(words: impl Into<String>) -> Paragraph {
    Paragraph::Text(words.into())
}

fn action(label: &str, url: String) -> Paragraph {
    Paragraph::Action {
        label: label.into(),
        url,
    }
}

fn small(words: &str) -> Paragraph {
    Paragraph::Small(words.into())
}

/// To a new address: the link that makes the account.
pub fn verify_email(tx: &mut Conn, app: &App, to: &To<'_>, token: &str) -> Result<()> {
    let subject = format!("Confirm your email address for {}", app.config.site.name);
    let words = vec![
        text(format!(
            "You registered at {} with this address. Please confirm it and choose a password; \
             your account is made when you do.",
            app.config.site.name
        )),
        action(
            "Confirm the address",
            app.url(&format!("/verify?token={token}")),
        ),
        small("The link is good for 24 hours. If it was not you, do nothing: no account is made."),
    ];
    put(tx, app, "verify_email", to, token, &subject, words)
}

/// To the address of an account with which somebody tried to register again.
pub fn already_registered(tx: &mut Conn, app: &App, to: &To<'_>, key: &str) -> Result<()> {
    let subject = format!("You already have an account at {}", app.config.site.name);
    let words = vec![
        text(
            "Somebody, probably you, wanted to register with this address, which has an account \
             already.",
        ),
        action("Log in", app.url("/login")),
        text(format!(
            "If you don't remember the password, set a new one: {}",
            app.url("/reset")
        )),
        small(
            "If it was not you, there is nothing to do. Whoever it was has not learned that you have an account.",
        ),
    ];
    put(tx, app, "already_registered", to, key, &subject, words)
}

/// The link by which a user sets a new password.
pub fn reset_password(tx: &mut Conn, app: &App, to: &To<'_>, token: &str) -> Result<()> {
    let subject = format!("Set a new password for {}", app.config.site.name);
    let words = vec![
        text("You can set a new password for your account here:"),
        action("Set a new password", app.url(&format!("/reset/{token}"))),
        small(
            "The link is good for one hour and for one use. If you did not ask for it, do nothing: your password stays as it is.",
        ),
    ];
    put(tx, app, "reset_password", to, token, &subject, words)
}

/// To somebody for whom an admin made an account.
pub fn invitation(tx: &mut Conn, app: &App, to: &To<'_>, token: &str) -> Result<()> {
    let subject = format!("Your account at {}", app.config.site.name);
    let words = vec![
        text(format!(
            "An account was made for you at {}. Choose a password to use it:",
            app.config.site.name
        )),
        action("Choose a password", app.url(&format!("/reset/{token}"))),
        small(
            "The link is good for 7 days and for one use. Later, ask for a new one on the log-in page.",
        ),
    ];
    put(tx, app, "invitation", to, token, &subject, words)
}

/// Tells that the password is another one now.
pub fn password_changed(tx: &mut Conn, app: &App, to: &To<'_>, key: &str) -> Result<()> {
    let subject = format!("Your password at {} was changed", app.config.site.name);
    let words = vec![
        text("The password of your account was changed, and your other devices were logged out."),
        text(format!(
            "If it was not you, set a new one at once: {}",
            app.url("/reset")
        )),
    ];
    put(tx, app, "password_changed", to, key, &subject, words)
}

/// To the new address of an account: the link that proves it.
pub fn confirm_new_email(tx: &mut Conn, app: &App, to: &To<'_>, token: &str) -> Result<()> {
    let subject = format!("Confirm your new address for {}", app.config.site.name);
    let words = vec![
        text("You want to use this address for your account from now on. Please confirm it:"),
        action(
            "Confirm the address",
            app.url(&format!("/verify?token={token}")),
        ),
        small("The link is good for 24 hours. If it was not you, do nothing."),
    ];
    put(tx, app, "change_email", to, token, &subject, words)
}

/// To the present address of an account, when another one is asked for.
pub fn new_email_asked(tx: &mut Conn, app: &App, to: &To<'_>, key: &str) -> Result<()> {
    let subject = format!("A new address for your account at {}", app.config.site.name);
    let words = vec![
        text(
            "Somebody, probably you, asked to use another email address for your account. It \
             changes when the link in a mail to the new address is used.",
        ),
        text(format!(
            "If it was not you, set a new password at once; that ends it: {}",
            app.url("/reset")
        )),
    ];
    put(tx, app, "new_email_asked", to, key, &subject, words)
}

/// To an address that a user wanted to change to, and that has another account.
pub fn address_in_use(tx: &mut Conn, app: &App, to: &To<'_>, key: &str) -> Result<()> {
    let subject = format!("This address is in use at {}", app.config.site.name);
    let words = vec![
        text(
            "Somebody wanted to use this address for another account. It belongs to yours, so \
             nothing was changed.",
        ),
        small(
            "If it was you, log in to this account, or change its address first. If not, there is nothing to do.",
        ),
    ];
    put(tx, app, "address_in_use", to, key, &subject, words)
}

/// To the old address, when an account has got another one.
pub fn email_changed(tx: &mut Conn, app: &App, to: &To<'_>, key: &str) -> Result<()> {
    let subject = format!("Your address at {} was changed", app.config.site.name);
    let words = vec![
        text("Your account has another email address now. This one is no longer used for it."),
        text(format!(
            "If it was not you, please tell us at once: {}",
            app.url("/contact")
        )),
    ];
    put(tx, app, "email_changed", to, key, &subject, words)
}
