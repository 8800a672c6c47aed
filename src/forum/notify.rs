//! Who is told what happened in a thread: notices and the mails about them, each written once.

use serde::{Deserialize, Serialize};

use super::store::{self, followers};
use super::{Thread, ThreadKind, ThreadState, Visibility, letters};
use crate::app::App;
use crate::clock::Moment;
use crate::error::Result;
use crate::ids::{PostId, ThreadId, UserId};
use crate::jobs::{Job, Next};
use crate::mail::render::Letter;

/// Notices written in one transaction.
const BATCH: i64 = 200;

/// Why somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A thread they follow has a new reply.
    Replied,
    /// Their reply was accepted as an answer.
    Accepted,
    /// A question they follow, or have too, is solved.
    Solved,
    /// A known issue they follow, or are hit by, is fixed.
    Fixed,
    /// What they wrote by mail is a thread now.
    Published,
    /// A product of which they want to be warned has a new known issue.
    KnownIssue,
}

impl NoticeKind {
    pub fn as_str(self) -> &'static str {
        match self {
            NoticeKind::Replied => "replied",
            NoticeKind::Accepted => "accepted",
            NoticeKind::Solved => "solved",
            NoticeKind::Fixed => "fixed",
            NoticeKind::Published => "published",
            NoticeKind::KnownIssue => "known_issue",
        }
    }
}

impl std::str::FromStr for NoticeKind {
    type Err = String;

    fn from_str(s: &str) -> Result<NoticeKind, String> {
        match s {
            "replied" => Ok(NoticeKind::Replied),
            "accepted" => Ok(NoticeKind::Accepted),
            "solved" => Ok(NoticeKind::Solved),
            "fixed" => Ok(NoticeKind::Fixed),
            "published" => Ok(NoticeKind::Published),
            "known_issue" => Ok(NoticeKind::KnownIssue),
            other => Err(format!("`{other}` is no kind of notice")),
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    Replied {
        post: PostId,
    },
    Accepted {
        post: PostId,
    },
    Solved {
        post: Option<PostId>,
    },
    Fixed,
    Published,
    /// There is a known issue that everybody can read.
    KnownIssue,
}

/// Writes the notices about one event in a thread.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Notify {
    pub thread: ThreadId,
    /// Who did it: they know already.
    pub by: UserId,
    pub at: Moment,
    pub news: News,
}

impl Notify {
    pub fn new(thread: ThreadId, by: UserId, at: Moment, news: News) -> Notify {
        Notify {
            thread,
            by,
            at,
            news,
        }
    }

    /// Tells everyone that `next` lists but `by` and `except`, batch by batch. The key makes a second run harmless.
    fn tell(
        &self,
        app: &App,
        thread: &Thread,
        kind: NoticeKind,
        post: Option<PostId>,
        except: Option<UserId>,
        next: fn(&mut crate::db::Conn, ThreadId, UserId, i64) -> Result<Vec<UserId>>,
    ) -> Result<()> {
        let about = app
            .db
            .read(|c| letters::about(c, app, thread, kind, post, self.by))?;
        let mut after = UserId(0);
        loop {
            let users = app.db.read(|c| next(c, self.thread, after, BATCH))?;
            let Some(last) = users.last().copied() else {
                return Ok(());
            };
            app.db.write(|tx| {
                let told = |u: &UserId| *u != self.by && Some(*u) != except;
                for user in users.into_iter().filter(told) {
                    self.write_notice(tx, app, thread, (kind, post), user, &about)?;
                }
                Ok(())
            })?;
            after = last;
        }
    }

    fn write_notice(
        &self,
        tx: &mut crate::db::Conn,
        app: &App,
        thread: &Thread,
        (kind, post): (NoticeKind, Option<PostId>),
        user: UserId,
        about: &Letter,
    ) -> Result<()> {
        // A post is told about once; a thread that is solved again after it was reopened is news.
        let event = match (kind, post) {
            (NoticeKind::Replied | NoticeKind::Accepted, Some(post)) => format!("post {post}"),
            (NoticeKind::KnownIssue, _) => "once".to_owned(),
            _ => format!("{}", self.at.0),
        };
        let dedupe_key = format!("{} {} {event} {user}", kind.as_str(), self.thread);
        let notice = followers::NewNotice {
            user,
            kind,
            thread: self.thread,
            post,
            actor: Some(self.by),
            dedupe_key: &dedupe_key,
        };
        if followers::insert_notice(tx, &notice, app.now())? {
            letters::put(tx, app, thread, &notice, about)?;
        }
        Ok(())
    }
}

impl Job for Notify {
    const KIND: &'static str = "forum_notify";

    fn run(&self, app: &App) -> Result<Next> {
        let Some(thread) = app.db.read(|c| store::thread(c, self.thread))? else {
            return Ok(Next::Done);
        };
        if thread.visibility != Visibility::Public {
            return Ok(Next::Done);
        }
        match self.news {
            News::Replied { post } => {
                let is_there = app
                    .db
                    .read(|c| store::post(c, post))?
                    .is_some_and(|p| p.deleted_at.is_none());
                if is_there {
                    self.tell(
                        app,
                        &thread,
                        NoticeKind::Replied,
                        Some(post),
                        None,
                        followers::followers,
                    )?;
                }
            }
            News::Accepted { post } => {
                let answer = app.db.read(|c| store::post(c, post))?;
                if let Some(answer) = answer.filter(|p| p.accepted_at.is_some())
                    && answer.author != self.by
                {
                    app.db.write(|tx| {
                        let (kind, post) = (NoticeKind::Accepted, Some(post));
                        let about = letters::about(tx, app, &thread, kind, post, self.by)?;
                        self.write_notice(tx, app, &thread, (kind, post), answer.author, &about)
                    })?;
                }
            }
            // Withdrawn before this ran: nobody is told what is no longer so.
            News::Solved { .. } | News::Fixed if thread.state == ThreadState::Open => {}
            News::Solved { post } => {
                let answer = match post {
                    Some(post) => app.db.read(|c| store::post(c, post))?,
                    None => None,
                };
                // Solved by another answer meanwhile: that one is told about.
                if post.is_some() && answer.as_ref().is_none_or(|p| p.accepted_at.is_none()) {
                    return Ok(Next::Done);
                }
                // Whoever gave the answer hears that it was accepted.
                let author = answer.map(|p| p.author);
                for next in [followers::followers, followers::affected] {
                    self.tell(app, &thread, NoticeKind::Solved, post, author, next)?;
                }
            }
            News::Published => {
                app.db.write(|tx| {
                    let (kind, author) = (NoticeKind::Published, thread.author);
                    let about = letters::about(tx, app, &thread, kind, None, self.by)?;
                    self.write_notice(tx, app, &thread, (kind, None), author, &about)
                })?;
            }
            // It turned out to be none, or is fixed, before this ran.
            News::KnownIssue
                if thread.kind != ThreadKind::KnownIssue || thread.state != ThreadState::Open => {}
            News::KnownIssue => {
                self.tell(
                    app,
                    &thread,
                    NoticeKind::KnownIssue,
                    None,
                    None,
                    followers::warned,
                )?;
            }
            News::Fixed => {
                for next in [followers::followers, followers::affected] {
                    self.tell(app, &thread, NoticeKind::Fixed, None, None, next)?;
                }
            }
        }
        Ok(Next::Done)
    }
}
