//! The mails about threads, in words.

use serde::{Deserialize, Serialize};

use super::notify::NoticeKind;
use super::store::followers::{self, NewNotice};
use super::store::{self, recipients};
use super::{Place, Post, Thread, ThreadKind, ThreadState, Visibility, reply_by_mail};
use crate::app::App;
use crate::db::Conn;
use crate::error::{Error, Result};
use crate::ids::{PostId, ProductId, ThreadId, UserId};
use crate::mail::outbox::{self, NewMail};
use crate::mail::outgoing::{Automatic, List};
use crate::mail::render::{Letter, Paragraph};
use crate::people;
use crate::text::markdown;

/// Characters of a post that stand in a mail; the rest is read in the thread.
const EXCERPT_CHARS: usize = 400;
/// What a mail says first about itself that can be answered.
const HOW_TO_ANSWER: &str =
    "Answer this mail to reply in the thread, where everybody can read it.\n";
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

/// What the address that ends the warnings of a product is signed for.
const WARN_NO_MORE: &str = "warn no more of product";

/// The path of the page, and of the one click (RFC 8058), that ends warnings of a product's known issues.
pub fn warn_no_more_path(app: &App, product: ProductId, user: UserId) -> String {
    let signature = app.keys.sign(WARN_NO_MORE, &format!("{product} {user}"));
    format!("/unsubscribe/product/{product}/{user}/{signature}")
}

/// Whether the signature in such a path is ours.
pub fn may_warn_no_more(app: &App, product: ProductId, user: UserId, signature: &str) -> bool {
    app.keys
        .verify(WARN_NO_MORE, &format!("{product} {user}"), signature)
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
    let is_warning = notice.kind == NoticeKind::KnownIssue;
    let (words, unsubscribe_path) = if is_warning {
        let path = warn_no_more_path(app, thread.product, notice.user);
        ("To be warned no more", path)
    } else {
        let path = unsubscribe_path(app, thread.id, notice.user);
        ("To hear no more about it", path)
    };
    let unsubscribe_url = app.url(&unsubscribe_path);
    letter
        .footer
        .push_str(&format!("\n{words}: {unsubscribe_url}"));
    // Also of a closed thread: whoever answers it is told so.
    let reply_to = if is_warning {
        None
    } else {
        reply_by_mail::address(tx, app, thread.id, notice.user)?
    };
    letter.replies_welcome &= reply_to.is_some();
    if letter.replies_welcome {
        letter.footer.insert_str(0, HOW_TO_ANSWER);
    }
    let root = root_id(app, thread.id);
    let told = Told {
        kind: notice.kind,
        thread: thread.id,
        post: notice.post,
        user: notice.user,
    };
    let mail = NewMail {
        news: Some(serde_json::to_string(&told).map_err(Error::other)?),
        purpose: "thread_notice",
        to_email: email,
        to_name: name,
        letter,
        dedupe_key: format!("thread_notice:{}", notice.dedupe_key),
        user: Some(notice.user),
        automatic: Automatic::Generated,
        list: list(tx, app, thread)?,
        unsubscribe_url: Some(unsubscribe_url),
        reply_to,
        in_reply_to: Some(root.clone()),
        references: vec![root],
        // The address that answers it writes in its receiver's name.
        is_secret: true,
        ..NewMail::default()
    };
    outbox::put(tx, app, &mail)?;
    Ok(())
}

/// What a mail tells, as the outbox keeps it.
#[derive(Serialize, Deserialize)]
struct Told {
    kind: NoticeKind,
    thread: ThreadId,
    post: Option<PostId>,
    user: UserId,
}

/// Whether the news of a mail that waited still is so, and its receiver still wants to hear of it.
pub fn still_true(conn: &mut Conn, news: &str) -> Result<bool> {
    let told: Told =
        serde_json::from_str(news).map_err(|e| Error::Data(format!("the news of a mail: {e}")))?;
    let Some(thread) = store::thread(conn, told.thread)? else {
        return Ok(false);
    };
    let post = match told.post {
        Some(post) => store::post(conn, post)?,
        None => None,
    };
    let is_there = |post: &Post| post.deleted_at.is_none();
    let is_answer = |post: &Post| is_there(post) && post.accepted_at.is_some();
    let is_so = match told.kind {
        NoticeKind::Replied => post.as_ref().is_some_and(is_there),
        NoticeKind::Accepted => post.as_ref().is_some_and(is_answer),
        NoticeKind::Solved => {
            thread.state != ThreadState::Open
                && (told.post.is_none() || post.as_ref().is_some_and(is_answer))
        }
        NoticeKind::Fixed => thread.state != ThreadState::Open,
        NoticeKind::Published => true,
        NoticeKind::KnownIssue => {
            thread.state == ThreadState::Open && thread.kind == ThreadKind::KnownIssue
        }
    };
    if told.kind == NoticeKind::KnownIssue {
        let still_wanted = followers::is_warned_of(conn, thread.product, told.user)?;
        return Ok(is_so && still_wanted && thread.visibility == Visibility::Public);
    }
    if thread.visibility != Visibility::Public || !is_so {
        return Ok(false);
    }
    let (follows, is_hit) = followers::ties(conn, told.thread, told.user)?;
    Ok(match told.kind {
        NoticeKind::Accepted | NoticeKind::Published | NoticeKind::KnownIssue => true,
        NoticeKind::Replied => follows,
        NoticeKind::Solved | NoticeKind::Fixed => follows || is_hit,
    })
}

/// An id that no mail has, and that every mail about a thread refers to: by it, and by their common subject, mail
/// programs show them as one conversation.
fn root_id(app: &App, thread: ThreadId) -> String {
    outbox::own_message_id(app, &format!("thread.{thread}"))
}

/// The list of the mails about a product's threads (RFC 2919), by which people sort them.
fn list(conn: &mut Conn, app: &App, thread: &Thread) -> Result<Option<List>> {
    let Some(product) = store::product(conn, thread.product)? else {
        return Ok(None);
    };
    let host = url::Url::parse(&app.config.site.url).ok();
    let host = host.as_ref().and_then(url::Url::host_str);
    Ok(Some(List {
        id: format!("{}.forum.{}", product.slug, host.unwrap_or("localhost")),
        name: format!("{}: {}", app.config.site.name, product.name),
    }))
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
    let sentence = match kind {
        NoticeKind::Replied => format!("{actor} replied to “{title}”:"),
        NoticeKind::Accepted => {
            format!("{actor} marked your reply to “{title}” as an answer. Thank you for helping.")
        }
        NoticeKind::Solved => format!("Solved: “{title}” has an accepted answer."),
        NoticeKind::Published => {
            format!(
                "What you wrote is in the forum now, where everybody can read and answer it: “{title}”."
            )
        }
        NoticeKind::Fixed => match &thread.fixed_in {
            Some(version) => format!("Fixed: “{title}” is fixed in {version}."),
            None => format!("Fixed: “{title}” is fixed."),
        },
        NoticeKind::KnownIssue => {
            format!("There is a new known issue: “{title}”. We are working on it.")
        }
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
                text: markdown::opening(&post.body, &app.config.site.url, EXCERPT_CHARS),
            });
        }
    }
    paragraphs.push(Paragraph::Action {
        label: "Read it in the forum".into(),
        url: app.url(&place.path()),
    });
    let site = &app.config.site;
    let (subject, why) = match kind {
        NoticeKind::KnownIssue => (
            format!("Known issue: {title}"),
            "You get this because you asked to be warned of this product’s known issues.",
        ),
        // Of each alike: Gmail parts a conversation where the subject changes.
        _ => (
            format!("Re: {title}"),
            "You get this because you follow the thread, or have the same problem.",
        ),
    };
    Letter {
        subject,
        language: "en".into(),
        paragraphs,
        footer: format!("{}, {}\n{why}", site.name, site.url),
        replies_welcome: thread.state != ThreadState::Closed && kind != NoticeKind::KnownIssue,
        ..Letter::default()
    }
}
