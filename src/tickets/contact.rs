//! Somebody writes to us by the contact form.

use super::attachments::{keep, too_large};
use super::customer_wrote::{Opening, Words, open_case};
use super::store::KeptFile;
use super::{
    BODY_CHARS_MAX, OpenedBy, SUBJECT_CHARS_MAX, clean_text, content_of, notices, request_key,
};
use crate::app::App;
use crate::cases::Channel;
use crate::error::{Error, Problem, Result};
use crate::forum::similar_threads::{Similar, similar_threads};
use crate::forum::store as forum;
use crate::ids::UserId;
use crate::limits::Limit;
use crate::mail::one_line;
use crate::text::names;
use crate::web::UploadedFile;

/// Shortest message (characters) that a person could act on.
pub const BODY_CHARS_MIN: usize = 10;
/// Longest name (characters).
pub const NAME_CHARS_MAX: usize = 100;
/// Letters of the message that are compared with threads.
const SIMILAR_CHARS_MAX: usize = 2_000;

/// The form as typed.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Typed {
    /// A product's slug; empty: something else.
    pub product: String,
    pub subject: String,
    pub message: String,
    pub name: String,
    pub email: String,
    /// Set once similar threads were shown: the message is then sent.
    pub seen_similar: String,
    /// Files of the step before, sealed.
    pub kept_files: String,
    pub request_key: String,
}

/// What came of it.
pub enum Outcome {
    /// A case is open, or was by the same form.
    Sent,
    /// Nothing was sent: the form is to be shown again.
    Back {
        why: Why,
        /// Goes into the form, so that files need not be chosen again.
        kept_files: String,
        file_names: Vec<String>,
    },
}

/// Why a form comes back.
pub enum Why {
    /// These may answer it: to be shown once before it is sent.
    Similar(Vec<Similar>),
    Problems(Vec<Problem>),
    /// Too many came from there.
    TooMany {
        retry_seconds: u64,
    },
}

/// Opens a case with its ticket, and a receipt. The answer is the same whether we know the
/// address or not. `from` is where it comes from, as the limit counts.
pub fn contact(
    app: &App,
    user: Option<UserId>,
    from: &str,
    typed: &Typed,
    files: &[UploadedFile],
) -> Result<Outcome> {
    let mut problems = check(typed);
    let mut kept = kept_before(app, &typed.kept_files);
    if !are_there(app, &kept)? {
        kept.clear();
        problems.push(Problem::new(
            "files",
            "The files were chosen too long ago and are gone. Choose them again.",
        ));
    }
    let too_large = too_large(files, &kept);
    // Counted once: by the step that keeps files, else by the one that opens the case. A step that
    // only shows the form again keeps nothing.
    let keeps_files = !files.is_empty() && too_large.is_empty();
    if keeps_files {
        if let Err(retry_seconds) = app.limits.check(Limit::Contact, from) {
            return back(app, &kept, Why::TooMany { retry_seconds });
        }
        kept.extend(keep(app, files)?);
    }
    problems.extend(too_large);
    if !problems.is_empty() {
        return back(app, &kept, Why::Problems(problems));
    }
    if typed.seen_similar.is_empty() {
        let threads = similar(app, typed);
        if !threads.is_empty() {
            return back(app, &kept, Why::Similar(threads));
        }
    }
    if !keeps_files && let Err(retry_seconds) = app.limits.check(Limit::Contact, from) {
        return back(app, &kept, Why::TooMany { retry_seconds });
    }
    let subject = one_line(&typed.subject, SUBJECT_CHARS_MAX);
    let body = clean_text(&typed.message);
    let email = names::email(&typed.email);
    let content = [&subject, &typed.product, &typed.name, &typed.email, &body].map(String::as_str);
    let content = content_of(&content.join("\0"), &kept);
    let key = request_key("contact", &typed.request_key, &content);
    app.db.write(|tx| {
        let product = forum::product_by_slug(tx, &typed.product)?;
        let opening = Opening {
            channel: Channel::Form,
            opened_by: OpenedBy::Form,
            subject: &subject,
            product: product.map(|p| p.id),
            user,
            written_at: app.now(),
            related: None,
            reasons: vec!["written by the contact form".into()],
        };
        let name = one_line(&typed.name, NAME_CHARS_MAX);
        let words = Words {
            name: &name,
            email: email.as_deref(),
            body: &body,
            request_key: key.as_deref(),
            files: &kept,
            ..Words::default()
        };
        if let Some(taken) = open_case(tx, app, &opening, &words)? {
            notices::receipt(tx, app, &taken.ticket, false)?;
        }
        Ok(Outcome::Sent)
    })
}

/// The form with its files, which need not be chosen again.
fn back(app: &App, kept: &[KeptFile], why: Why) -> Result<Outcome> {
    let kept_files = if kept.is_empty() {
        String::new()
    } else {
        let json = serde_json::to_string(kept).map_err(Error::other)?;
        app.keys.seal(&app.random, &json)
    };
    Ok(Outcome::Back {
        why,
        kept_files,
        file_names: kept.iter().map(|file| file.filename.clone()).collect(),
    })
}

/// Files that an earlier step of the same form stored.
fn kept_before(app: &App, sealed: &str) -> Vec<KeptFile> {
    if sealed.is_empty() {
        return Vec::new();
    }
    app.keys
        .open(sealed)
        .and_then(|json| serde_json::from_str(&json).ok())
        .unwrap_or_default()
}

/// Whether none of these was forgotten meanwhile; none is for a while from now.
fn are_there(app: &App, kept: &[KeptFile]) -> Result<bool> {
    for file in kept {
        if !app.files.renew(&file.storage_key)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Public threads that may answer it.
fn similar(app: &App, typed: &Typed) -> Vec<Similar> {
    let text: String = format!("{}\n{}", typed.subject, typed.message)
        .chars()
        .take(SIMILAR_CHARS_MAX)
        .collect();
    let product = Some(typed.product.as_str()).filter(|p| !p.is_empty());
    // Without the index nobody is kept from writing to us.
    similar_threads(app, &text, product).unwrap_or_else(|error| {
        tracing::warn!(%error, "similar threads could not be looked up");
        Vec::new()
    })
}

fn check(typed: &Typed) -> Vec<Problem> {
    let mut problems = Vec::new();
    if one_line(&typed.subject, SUBJECT_CHARS_MAX).is_empty() {
        problems.push(Problem::new(
            "subject",
            "Say in a few words what it is about.",
        ));
    } else if typed.subject.chars().count() > SUBJECT_CHARS_MAX {
        problems.push(Problem::new(
            "subject",
            format!(
                "The subject is too long: {SUBJECT_CHARS_MAX} characters fit. Put the rest into \
                 the message."
            ),
        ));
    }
    let chars = typed.message.trim().chars().count();
    if clean_text(&typed.message).chars().count() < BODY_CHARS_MIN {
        problems.push(Problem::new(
            "message",
            "Tell us what happened, so that we need not ask back.",
        ));
    } else if chars > BODY_CHARS_MAX {
        problems.push(Problem::new(
            "message",
            format!("The message has {chars} characters; {BODY_CHARS_MAX} fit."),
        ));
    }
    if typed.name.chars().count() > NAME_CHARS_MAX {
        problems.push(Problem::new(
            "name",
            format!("The name is too long: {NAME_CHARS_MAX} characters fit."),
        ));
    }
    if names::email(&typed.email).is_none() {
        problems.push(Problem::new(
            "email",
            "We answer by email: give an address like name@example.org.",
        ));
    }
    problems
}
