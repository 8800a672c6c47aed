//! A member answers a mail about a thread, and their words become a reply in it.
//!
//! The address that was answered says who may write where; it counts only when the mail is from that member's
//! confirmed address. Nothing in a mail is a command.

use super::store;
use super::{Place, Thread, Visibility, policy, post_reply, typed};
use crate::app::App;
use crate::clock::DAY;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::{ThreadId, UserId};
use crate::keys::token_hash;
use crate::limits::Limit;
use crate::mail::tokens::{self, Purpose};
use crate::people::CurrentUser;
use crate::text::names;

/// How long a mail about a thread can be answered (µs).
pub const TOKEN_LIFE: i64 = 90 * DAY;

/// Why a mail does not become a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The address that was answered is too old, or none of ours.
    Expired,
    /// The mail is not from the account's own address.
    NotTheirs,
    /// The account's address was never confirmed.
    Unverified,
    /// The thread is not there for them any more.
    Gone,
    Closed,
    /// Without what was quoted, nothing is left.
    Empty,
    TooLong,
    TooOften,
}

impl Refusal {
    /// The word in the table of decisions.
    pub fn as_str(self) -> &'static str {
        match self {
            Refusal::Expired => "forum_expired",
            Refusal::NotTheirs => "forum_not_theirs",
            Refusal::Unverified => "forum_unverified",
            Refusal::Gone => "forum_gone",
            Refusal::Closed => "forum_closed",
            Refusal::Empty => "forum_empty",
            Refusal::TooLong => "forum_too_long",
            Refusal::TooOften => "forum_too_often",
        }
    }

    /// What staff read.
    pub fn label(self) -> &'static str {
        match self {
            Refusal::Expired => "an answer to a thread's notice, by an address that has expired",
            Refusal::NotTheirs => "an answer to a thread's notice from somebody else's address",
            Refusal::Unverified => "an answer to a thread's notice from an unconfirmed address",
            Refusal::Gone => "an answer to a thread that is gone",
            Refusal::Closed => "an answer to a closed thread",
            Refusal::Empty => "an answer to a thread without words of its own",
            Refusal::TooLong => "an answer to a thread that is too long for a post",
            Refusal::TooOften => "too many answers to threads at once",
        }
    }

    /// What the sender is told, at most once a day.
    pub fn words(self) -> String {
        match self {
            Refusal::Expired => "you answered a mail about a thread, and the address in it is no longer good. Your \
                                 words were not posted. Please open the thread and reply there."
                .into(),
            Refusal::NotTheirs => "you answered a mail about a thread from another address than the one of the \
                                   account it was sent to. Your words were not posted. Please write from that address, \
                                   or reply in the thread."
                .into(),
            Refusal::Unverified => "you answered a mail about a thread, and your account's address is not confirmed \
                                    yet. Your words were not posted. Please confirm it first, with the link in the mail \
                                    you got when you registered."
                .into(),
            Refusal::Gone => "the thread that you answered by mail was taken down, so your words were not posted."
                .into(),
            Refusal::Closed => "the thread that you answered by mail is closed and takes no more replies, so your \
                                words were not posted. Open a new one if your problem is not solved there."
                .into(),
            Refusal::Empty => "we found no words of yours in your answer to a thread, so nothing was posted. Please \
                               write above the line that says so, or reply in the thread."
                .into(),
            Refusal::TooLong => format!(
                "your answer to a thread is longer than the {} characters that fit into a reply, so it was not posted. \
                 Please shorten it, or split it over several replies.",
                typed::BODY_CHARS_MAX
            ),
            Refusal::TooOften => "we got more answers to threads from you at once than we take, so the last ones were \
                                  not posted. Please send them again in a while, or reply in the thread."
                .into(),
        }
    }
}

/// What the sender of a reply is told whose mail had files: those are not for everybody to see.
pub const FILES_NOT_POSTED: &str = "your answer to a thread was posted, without the files that were in the mail: a \
    reply by mail takes only words.";

/// Somebody who may answer a thread by mail, as their token says.
#[derive(Clone, Debug)]
pub struct Author {
    by: CurrentUser,
    thread: ThreadId,
}

/// An address of ours whose token says: an answer of this member to this thread. `None` when our mailbox's name leaves
/// no room for a token.
pub(super) fn address(
    tx: &mut Conn,
    app: &App,
    thread: ThreadId,
    user: UserId,
) -> Result<Option<String>> {
    let mut random = [0; tokens::TOKEN_BYTES];
    app.random.fill(&mut random);
    let token = tokens::token(&random);
    let Some(address) = tokens::address(&app.config.mail.from, Purpose::Post, &token) else {
        return Ok(None);
    };
    let now = app.now();
    let until = now.plus(TOKEN_LIFE);
    store::insert_reply_token(tx, (thread, user), &token_hash(&token), now, until)?;
    Ok(Some(address))
}

/// Who answers by this token, when a mail with it comes from `from_key` (an address as they are compared; `None`: from
/// nobody who can be told).
pub fn author(
    conn: &mut Conn,
    app: &App,
    token: &str,
    from_key: Option<&str>,
) -> Result<Result<Author, Refusal>> {
    let Some(known) = store::reply_token(conn, &token_hash(token))? else {
        return Ok(Err(Refusal::Expired));
    };
    let Some((by, user)) = CurrentUser::without_session(conn, known.user)? else {
        return Ok(Err(Refusal::Expired));
    };
    let address = user.email.as_deref().and_then(names::email_key);
    Ok(if address.is_none() || address.as_deref() != from_key {
        Err(Refusal::NotTheirs)
    } else if known.expires_at <= app.now() {
        Err(Refusal::Expired)
    } else if user.email_verified_at.is_none() {
        Err(Refusal::Unverified)
    } else {
        Ok(Author {
            by,
            thread: known.thread,
        })
    })
}

/// The page of the thread that a mail to one of these addresses answers, when everybody may read it.
pub fn thread_url(conn: &mut Conn, app: &App, recipients: &[String]) -> Result<Option<String>> {
    let recipients = recipients.iter().map(String::as_str);
    let Some(token) = tokens::find(recipients, Purpose::Post) else {
        return Ok(None);
    };
    let Some(known) = store::reply_token(conn, &token_hash(&token))? else {
        return Ok(None);
    };
    let thread = store::thread(conn, known.thread)?;
    let public = thread.filter(|thread| thread.visibility == Visibility::Public);
    Ok(public.map(|thread| app.url(&thread.path())))
}

/// Posts `words`, which are the author's own: what their mail program quoted is not among them.
pub fn reply(
    tx: &mut Conn,
    app: &App,
    author: &Author,
    words: &str,
) -> Result<Result<Place, Refusal>> {
    let Some(thread) = store::thread_for(tx, &author.by, author.thread)? else {
        return Ok(Err(Refusal::Gone));
    };
    if let Some(refusal) = against(app, author, &thread, words) {
        return Ok(Err(refusal));
    }
    let body = typed::body(words, &mut Vec::new());
    let reply = post_reply::Reply {
        body: &body,
        official: false,
        reply_to: None,
        request_key: None,
    };
    post_reply::insert(tx, app, &author.by, thread, &reply).map(Ok)
}

fn against(app: &App, author: &Author, thread: &Thread, words: &str) -> Option<Refusal> {
    let mut problems = Vec::new();
    let body = typed::body(words, &mut problems);
    if !policy::can_reply(&author.by, thread) {
        return Some(match thread.visibility {
            Visibility::Public => Refusal::Closed,
            _ => Refusal::Gone,
        });
    }
    if body.trim().is_empty() {
        return Some(Refusal::Empty);
    }
    if !problems.is_empty() {
        return Some(Refusal::TooLong);
    }
    author
        .by
        .count(app, Limit::Post)
        .err()
        .map(|_| Refusal::TooOften)
}
