//! Somebody writes to us by the contact form.

use super::attachments::{keep, too_large};
use super::customer_wrote::{Opening, Words, open_case};
use super::store::KeptFile;
use super::{
    BODY_CHARS_MAX, OpenedBy, SUBJECT_CHARS_MAX, clean_text, content_of, notices, request_key,
    too_long,
};
use crate::app::App;
use crate::cases::Channel;
use crate::clock::{HOUR, Moment};
use crate::error::{Error, Problem, Result};
use crate::forum::deflections;
use crate::forum::similar_threads::{Similar, similar_threads};
use crate::forum::store as forum;
use crate::ids::UserId;
use crate::limits::Limit;
use crate::mail::one_line;
use crate::text::names;
use crate::web::UploadedFile;

/// Shortest message (characters) that a person could act on.
pub const BODY_CHARS_MIN: usize = 10;
/// How long a form whose step was counted may come back uncounted (µs), as long as `Limits` knows
/// that it has.
const COUNTED_LIFE: i64 = HOUR;
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

/// What an earlier step of a form left, sealed into it.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Kept {
    files: Vec<KeptFile>,
    counted: Option<Counted>,
}

/// A step that was counted: the form may come back, and open one case, without being counted again.
#[derive(serde::Serialize, serde::Deserialize)]
struct Counted {
    token: String,
    at: Moment,
}

/// Opens a case with its ticket, and a receipt. The answer is the same whether we know the
/// address or not. `from` is where it comes from, as the limit counts; `counted` says whether
/// that was done when its files were read, and `refused` what stands against those left out.
pub fn contact(
    app: &App,
    user: Option<UserId>,
    from: &str,
    typed: &Typed,
    files: &[UploadedFile],
    refused: Vec<Problem>,
    counted: Option<std::result::Result<(), u64>>,
) -> Result<Outcome> {
    let mut problems = check(typed);
    let mut kept = kept_before(app, &typed.kept_files);
    match counted {
        Some(Err(retry_seconds)) => return back(app, &kept, Why::TooMany { retry_seconds }),
        // Each step that brings files is counted, as they fill the disk.
        Some(Ok(())) => {
            kept.counted = Some(Counted {
                token: app.random.token(),
                at: app.now(),
            });
        }
        None => {}
    }
    if !are_there(app, &kept.files)? {
        kept.files.clear();
        problems.push(Problem::new(
            "files",
            "The files were chosen too long ago and are gone. Choose them again.",
        ));
    }
    let too_large = too_large(&app.config.limits, files, &kept.files);
    if too_large.is_empty() {
        kept.files.extend(keep(app, files)?);
    }
    problems.extend(refused);
    problems.extend(too_large);
    if !problems.is_empty() {
        return back(app, &kept, Why::Problems(problems));
    }
    if typed.seen_similar.is_empty() {
        let threads = similar(app, typed);
        if !threads.is_empty() {
            let product = Some(typed.product.as_str()).filter(|p| !p.is_empty());
            let place = deflections::Place::Contact;
            deflections::shown(app, &typed.request_key, place, product, user);
            return back(app, &kept, Why::Similar(threads));
        }
    }
    // Counted once: by a step that brought files, else here. A step that only shows the form again
    // costs nothing.
    if !was_counted(app, &kept)
        && let Err(retry_seconds) = app.limits.check(Limit::Contact, from)
    {
        return back(app, &kept, Why::TooMany { retry_seconds });
    }
    let subject = one_line(&typed.subject, SUBJECT_CHARS_MAX);
    let body = clean_text(&typed.message);
    let email = names::email(&typed.email);
    let content = [&subject, &typed.product, &typed.name, &typed.email, &body].map(String::as_str);
    let content = content_of(&content.join("\0"), &kept.files);
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
            files: &kept.files,
            ..Words::default()
        };
        if let Some(taken) = open_case(tx, app, &opening, &words)? {
            notices::receipt(tx, app, &taken.ticket, false)?;
        }
        deflections::written(tx, &typed.request_key, app.now())?;
        Ok(Outcome::Sent)
    })
}

/// The form with its files, which need not be chosen again.
fn back(app: &App, kept: &Kept, why: Why) -> Result<Outcome> {
    let kept_files = if kept.files.is_empty() && kept.counted.is_none() {
        String::new()
    } else {
        let json = serde_json::to_string(kept).map_err(Error::other)?;
        app.keys.seal(&app.random, &json)
    };
    Ok(Outcome::Back {
        why,
        kept_files,
        file_names: kept
            .files
            .iter()
            .map(|file| file.filename.clone())
            .collect(),
    })
}

/// Whether a step of this form was counted, for which no case was opened yet.
fn was_counted(app: &App, kept: &Kept) -> bool {
    kept.counted.as_ref().is_some_and(|counted| {
        let is_fresh = app.now().since(counted.at) < COUNTED_LIFE;
        is_fresh && app.limits.check(Limit::CountedForm, &counted.token).is_ok()
    })
}

/// What an earlier step of the same form left.
fn kept_before(app: &App, sealed: &str) -> Kept {
    if sealed.is_empty() {
        return Kept::default();
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
        problems.push(Problem::new("message", too_long(chars)));
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
