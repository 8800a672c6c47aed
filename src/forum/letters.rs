//! The mails about threads, in words.

use super::notify::NoticeKind;
use super::store::followers::{self, NewNotice};
use super::store::{self, recipients};
use super::{Place, Post, Thread};
use crate::app::App;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::{PostId, ThreadId, UserId};
use crate::mail::outbox::{self, NewMail};
use crate::mail::outgoing::Automatic;
use crate::mail::render::{Letter, Paragraph};
use crate::people;
use crate::text::markdown;

/// Characters of a post that stand in a mail; the rest is read in the thread.
const EXCERPT_CHARS: usize = 400;
/// What the address that ends the mails is signed for.
const UNSUBSCRIBE: &str = "unsubscribe from thread";

/// The path of the page, and of the one click (RFC 8058), that ends mails about a thread.
pub fn unsubscribe_path(app: &App, thread: ThreadId, user: UserId) -> String {
    let signature = app.keys.sign(UNSUBSCRIBE, &format!("{thread} {user}"));
    format!("/unsubscribe/{thread}/{user}/{signature}")
}

/// Whether the signature in such a path is ours.
pub fn may_unsubscribe(app: &App, thread: ThreadId, user: UserId, signature: &str) -> bool {
    app.keys
        .verify(UNSUBSCRIBE, &format!("{thread} {user}"), signature)
}

/// The mail about one event, the same for everybody who is told but for the greeting and the address
/// that ends such mails.
pub(super) fn about(
    conn: &mut Conn,
    app: &App,
    thread: &Thread,
    kind: NoticeKind,
    post: Option<PostId>,
    actor: UserId,
) -> Result<Letter> {
    let post = match post {
        Some(id) => store::post(conn, id)?.filter(|p| p.deleted_at.is_none()),
        None => None,
    };
    let author = match &post {
        Some(post) => people::store::name_of(conn, post.author)?,
        None => None,
    };
    let actor = people::store::name_of(conn, actor)?;
    let people = (actor.as_deref(), author.as_deref());
    Ok(letter(app, thread, kind, post.as_ref(), people))
}

/// Puts the mail about a notice just written into the outbox, for whoever confirmed an address.
/// About replies: one until they were read, so that a lively thread fills nobody's mailbox.
pub(super) fn put(
    tx: &mut Conn,
    app: &App,
    thread: &Thread,
    notice: &NewNotice<'_>,
    about: &Letter,
) -> Result<()> {
    let Some((name, email)) = recipients::address(tx, notice.user)? else {
        return Ok(());
    };
    if notice.kind == NoticeKind::Replied
        && followers::unread_of_thread(tx, notice.user, thread.id)? > 1
    {
        return Ok(());
    }
    let mut letter = about.clone();
    letter.greeting = format!("Hello {name},");
    let unsubscribe_url = app.url(&unsubscribe_path(app, thread.id, notice.user));
    letter
        .footer
        .push_str(&format!("\nTo hear no more about it: {unsubscribe_url}"));
    let mail = NewMail {
        purpose: "thread_notice",
        to_email: email,
        to_name: name,
        letter,
        dedupe_key: format!("thread_notice:{}", notice.dedupe_key),
        user: Some(notice.user),
        automatic: Automatic::Generated,
        unsubscribe_url: Some(unsubscribe_url),
        ..NewMail::default()
    };
    outbox::put(tx, app, &mail)?;
    Ok(())
}

fn letter(
    app: &App,
    thread: &Thread,
    kind: NoticeKind,
    post: Option<&Post>,
    (actor, author): (Option<&str>, Option<&str>),
) -> Letter {
    let actor = actor.unwrap_or("Somebody");
    let title = &thread.title;
    let (subject, sentence) = match kind {
        NoticeKind::Replied => (
            format!("Re: {title}"),
            format!("{actor} replied to “{title}”:"),
        ),
        NoticeKind::Accepted => (
            format!("Your answer was accepted: {title}"),
            format!("{actor} marked your reply to “{title}” as an answer. Thank you for helping."),
        ),
        NoticeKind::Solved => (
            format!("Solved: {title}"),
            format!("“{title}” has an accepted answer:"),
        ),
        NoticeKind::Fixed => (
            format!("Fixed: {title}"),
            match &thread.fixed_in {
                Some(version) => format!("“{title}” is fixed in {version}."),
                None => format!("“{title}” is fixed."),
            },
        ),
    };
    let mut paragraphs = vec![Paragraph::Text(sentence)];
    let mut place = thread.place();
    if let Some(post) = post {
        place = Place {
            post: post.number,
            ..place
        };
        if kind != NoticeKind::Accepted {
            paragraphs.push(Paragraph::Quote {
                author: author.unwrap_or("Somebody").to_owned(),
                text: markdown::beginning(&post.body, EXCERPT_CHARS),
            });
        }
    }
    paragraphs.push(Paragraph::Action {
        label: "Read it in the forum".into(),
        url: app.url(&place.path()),
    });
    let site = &app.config.site;
    Letter {
        subject,
        language: "en".into(),
        paragraphs,
        footer: format!(
            "{}, {}\nYou get this because you follow the thread, or have the same problem.",
            site.name, site.url
        ),
        replies_welcome: false,
        ..Letter::default()
    }
}
