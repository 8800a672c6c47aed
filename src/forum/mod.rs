//! The forum: products, threads, posts, tags, and who is told what.
//!
//! Invariants:
//! - A thread's `version` grows with every change a page, the index or a notice could show (the
//!   number of its followers apart), in the transaction of the change, which also stands in the
//!   change log.
//! - Only public threads reach lists, feeds, search documents and people who are not logged in.
//! - A post is rendered once, when it is written; what is stored as HTML came out of `text::markdown`.
//! - Nothing in here knows a case, a ticket or a network. Who must hear that a thread was resolved
//!   registers a job of the kind [`THREAD_RESOLVED`].

pub mod accept_answer;
pub mod close_thread;
pub mod deflections;
pub mod delete_post;
pub mod docs;
pub mod draft_thread;
pub mod edit_post;
pub mod embed_threads;
pub mod follow;
pub mod forget_read;
pub mod hide_revision;
pub mod import_threads;
pub mod letters;
pub mod me_too;
pub mod move_thread;
pub mod notify;
pub mod pages;
pub mod pin;
pub mod policy;
pub mod post_reply;
pub mod post_thread;
pub mod reindex_author;
pub mod reply_by_mail;
pub mod restore_post;
pub mod save_product;
pub mod set_kind;
pub mod similar_threads;
pub mod store;
pub mod typed;
pub mod unsubscribe;
pub mod warn;

use crate::clock::Moment;
use crate::db::{Conn, audit};
use crate::error::Result;
use crate::ids::{PostId, ProductId, TagId, ThreadId, TopicId, UserId};
use crate::jobs::{self, Registry};
use crate::people::CurrentUser;

/// Posts on one page of a thread.
pub const POSTS_PER_PAGE: i64 = 20;
/// Threads on one page of a list.
pub const THREADS_PER_PAGE: i64 = 30;

/// The kind of the job that is put down when a thread was solved, fixed or closed, and when that
/// is taken back; whoever runs it looks at the thread's state. Its payload is
/// `{"thread": id}`; the slice that tells people outside the forum runs it.
pub const THREAD_RESOLVED: &str = "thread_resolved";

/// The kinds of jobs and the schedules of this slice.
pub fn register(registry: &mut Registry) {
    registry
        .job::<notify::Notify>()
        .job::<reindex_author::ReindexAuthor>()
        .job::<embed_threads::EmbedThreads>()
        .every::<embed_threads::EmbedThreads>(embed_threads::EVERY)
        .job::<forget_read::ForgetRead>()
        .every::<forget_read::ForgetRead>(forget_read::EVERY);
}

/// Puts down that `thread` is resolved, or no longer. Once for as long as nobody has worked on it.
fn enqueue_resolved(tx: &mut Conn, now: Moment, thread: ThreadId) -> Result<()> {
    let payload = serde_json::json!({ "thread": thread }).to_string();
    jobs::enqueue_kind(
        tx,
        now,
        THREAD_RESOLVED,
        &payload,
        Some(thread.0.to_string()),
    )
}

/// Records an act of staff or moderators on a thread.
fn record(
    tx: &mut Conn,
    now: Moment,
    by: &CurrentUser,
    act: &'static str,
    thread: ThreadId,
    reason: &str,
    data: serde_json::Value,
) -> Result<()> {
    audit::record(
        tx,
        now,
        audit::Act {
            by: &by.actor(),
            act,
            subject: ("thread", thread.0),
            reason,
            data,
        },
    )
}

/// Declares an enum whose variants are words in the database.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in the database, in addresses and in search.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(s: &str) -> Result<Self, String> {
                match s {
                    $($word => Ok($name::$variant),)+
                    other => Err(format!("`{other}` is no {}", stringify!($name))),
                }
            }
        }
    };
}

words! {
    /// What a thread is for.
    ThreadKind {
        /// Has answers, some of them accepted.
        Question = "question",
        Discussion = "discussion",
        /// A fault the company knows; solved when it is fixed.
        KnownIssue = "known_issue",
        /// Written by staff to be read.
        Article = "article",
        Announcement = "announcement",
    }
}

words! {
    /// Where a thread stands.
    ThreadState {
        Open = "open",
        /// A question with an accepted answer, or a known issue that is fixed.
        Solved = "solved",
        /// Takes no more replies.
        Closed = "closed",
    }
}

words! {
    /// Who may see a thread.
    Visibility {
        Public = "public",
        /// Made from a case, for staff to publish or discard; closed once discarded.
        Draft = "draft",
        /// Taken away by a moderator or its author; moderators still see it.
        Hidden = "hidden",
    }
}

impl ThreadKind {
    /// For people: `Known issue`.
    pub fn label(self) -> &'static str {
        match self {
            ThreadKind::Question => "Question",
            ThreadKind::Discussion => "Discussion",
            ThreadKind::KnownIssue => "Known issue",
            ThreadKind::Article => "Article",
            ThreadKind::Announcement => "Announcement",
        }
    }

    /// Whether the company speaks in it, so that only staff may open one.
    pub fn is_of_staff(self) -> bool {
        matches!(
            self,
            ThreadKind::KnownIssue | ThreadKind::Article | ThreadKind::Announcement
        )
    }
}

/// What happens to a thread's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    AnswerAccepted,
    /// No accepted answer is left.
    LastAnswerWithdrawn,
    /// The known issue is fixed.
    Fixed,
    Closed,
    /// `resolved`: it has an accepted answer, or is fixed.
    Reopened {
        resolved: bool,
    },
}

impl ThreadState {
    /// The state after a change; `None` when the change makes no sense in this state.
    /// Every transition there is stands here.
    pub fn after(self, change: StateChange) -> Option<ThreadState> {
        use StateChange as C;
        use ThreadState::{Closed, Open, Solved};
        match (self, change) {
            (Open | Solved, C::AnswerAccepted | C::Fixed) => Some(Solved),
            (Solved | Open, C::LastAnswerWithdrawn) => Some(Open),
            (Closed, C::LastAnswerWithdrawn) => Some(Closed),
            (Open | Solved, C::Closed) => Some(Closed),
            (Closed, C::Reopened { resolved: true }) => Some(Solved),
            (Closed | Solved, C::Reopened { resolved: false }) => Some(Open),
            (Closed, C::AnswerAccepted | C::Fixed | C::Closed)
            | (Open, C::Reopened { .. })
            | (Solved, C::Reopened { resolved: true }) => None,
        }
    }
}

/// What the company sells; owns one forum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    pub id: ProductId,
    pub slug: String,
    pub name: String,
    pub description: String,
}

/// A division of one product's forum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub id: TopicId,
    pub product: ProductId,
    pub slug: String,
    pub name: String,
    pub description: String,
}

/// A word that threads of any product may carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub id: TagId,
    pub slug: String,
    pub name: String,
    /// Public threads that carry it.
    pub thread_count: i64,
}

/// A titled discussion.
#[derive(Clone, Debug)]
pub struct Thread {
    pub id: ThreadId,
    pub product: ProductId,
    pub topic: Option<TopicId>,
    pub author: UserId,
    pub kind: ThreadKind,
    pub state: ThreadState,
    pub visibility: Visibility,
    pub title: String,
    pub slug: String,
    pub created_at: Moment,
    pub active_at: Moment,
    pub solved_at: Option<Moment>,
    pub closed_at: Option<Moment>,
    pub pinned: bool,
    /// Replies that are not deleted.
    pub reply_count: i64,
    pub me_too_count: i64,
    pub follower_count: i64,
    pub accepted_count: i64,
    pub primary_answer: Option<PostId>,
    /// Staff stand behind it: written by staff for the company, or with an official reply.
    pub official: bool,
    /// The version that fixed a known issue, as staff call it.
    pub fixed_in: Option<String>,
    pub version: i64,
}

impl Thread {
    /// A draft to be published or discarded; what was discarded stays stored as a closed one.
    pub fn is_waiting_draft(&self) -> bool {
        self.visibility == Visibility::Draft && self.state != ThreadState::Closed
    }

    pub fn path(&self) -> String {
        thread_path(self.id, &self.slug)
    }

    pub fn place(&self) -> Place {
        Place {
            thread: self.id,
            slug: self.slug.clone(),
            post: 1,
        }
    }
}

/// The permanent address of a thread.
pub fn thread_path(id: ThreadId, slug: &str) -> String {
    format!("/t/{id}/{slug}")
}

/// The page of a thread on which a post stands; the first is 1.
pub fn page_of(post_number: i64) -> i64 {
    (post_number.max(1) - 1) / POSTS_PER_PAGE + 1
}

/// Where a post stands: what a form leads to once it was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub thread: ThreadId,
    pub slug: String,
    /// The post's number in its thread, from 1.
    pub post: i64,
}

impl Place {
    pub fn path(&self) -> String {
        let path = thread_path(self.thread, &self.slug);
        match (page_of(self.post), self.post) {
            (1, 1) => path,
            (1, n) => format!("{path}#post-{n}"),
            (page, n) => format!("{path}?page={page}#post-{n}"),
        }
    }
}

/// A message in a thread; number 1 opens it.
#[derive(Clone, Debug)]
pub struct Post {
    pub id: PostId,
    pub thread: ThreadId,
    pub author: UserId,
    pub number: i64,
    /// Markdown, as typed.
    pub body: String,
    pub created_at: Moment,
    pub edit_count: i64,
    pub official: bool,
    pub accepted_at: Option<Moment>,
    pub deleted_at: Option<Moment>,
}

impl Post {
    pub fn is_opening(&self) -> bool {
        self.number == 1
    }
}

/// What became of an act on a thread that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done(Place),
    /// It was so already; nothing was written.
    Unchanged(Place),
    /// The sentence says why.
    NotAllowed(&'static str),
    /// No such thread or post, or none this person may see.
    NotFound,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_thread_changes_only_by_being_reopened() {
        use StateChange as C;
        for change in [C::AnswerAccepted, C::Fixed, C::Closed] {
            assert_eq!(ThreadState::Closed.after(change), None, "{change:?}");
        }
        assert_eq!(
            ThreadState::Closed.after(C::Reopened { resolved: true }),
            Some(ThreadState::Solved)
        );
        assert_eq!(
            ThreadState::Closed.after(C::Reopened { resolved: false }),
            Some(ThreadState::Open)
        );
        assert_eq!(
            ThreadState::Closed.after(C::LastAnswerWithdrawn),
            Some(ThreadState::Closed)
        );
    }

    #[test]
    fn a_post_has_its_page() {
        let at = |post| {
            Place {
                thread: ThreadId(7),
                slug: "x".into(),
                post,
            }
            .path()
        };
        assert_eq!(at(1), "/t/7/x");
        assert_eq!(at(20), "/t/7/x#post-20");
        assert_eq!(at(21), "/t/7/x?page=2#post-21");
    }
}
