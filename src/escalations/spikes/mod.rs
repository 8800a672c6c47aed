//! Spikes: many people write of the same problem at once, and it is proposed to staff as one known issue.
//!
//! `detect` looks every few minutes at who wrote what lately (`words`), finds what more people write of
//! than usually (`cluster`, `rate`), and keeps it as a proposed spike with its members, which are cases.
//! A person publishes it as a known issue (`publish`), to which every member is linked by that act, or
//! dismisses it (`dismiss`). Who writes of it later joins by `follow`.
//!
//! Invariants:
//! - One person counts once, however often and by whatever channel they write.
//! - Nothing is said in public, and no case is linked, before a person has published the spike.
//! - What a person removed or dismissed stays so while it stays the same.

pub mod cluster;
pub mod detect;
pub mod dismiss;
mod follow;
pub mod publish;
pub mod rate;
pub mod remove;
pub mod words;

use serde::{Deserialize, Serialize};

use self::words::Word;
use crate::cases::words as declare_words;
use crate::clock::Moment;
use crate::db::audit::{self, Act, Actor};
use crate::db::{Conn, Lock, lock};
use crate::error::Result;
use crate::ids::{CaseId, ProductId, SpikeId, ThreadId, UserId};
use crate::people::CurrentUser;
use crate::text::counted;
use crate::web::span_words;

declare_words! {
    /// Where a spike stands.
    SpikeState {
        Proposed = "proposed", "To decide";
        Published = "published", "Published";
        Dismissed = "dismissed", "Dismissed";
    }
}

declare_words! {
    /// Where a case that is part of a spike stands.
    MemberState {
        /// Part of it, not linked.
        Counted = "counted", "Counted";
        /// Linked to the known issue, or about to be.
        Linked = "linked", "Linked";
        /// Linked by a rule that was not sure enough: a person decides on the page of the case.
        Offered = "offered", "Link proposed";
        /// Taken out by a person.
        Removed = "removed", "Taken out";
    }
}

/// Many people who write of one problem at once.
#[derive(Clone, Debug)]
pub struct Spike {
    pub id: SpikeId,
    pub state: SpikeState,
    pub product: Option<ProductId>,
    /// What it is about, the word it was gathered around first.
    pub words: Vec<Word>,
    /// The span (µs) in which it was most surprising.
    pub span: i64,
    /// People who wrote in that span.
    pub authors: i64,
    /// How many usually do.
    pub expected: f64,
    /// Natural logarithm of the chance of so many.
    pub ln_chance: f64,
    /// The known issue that it is.
    pub thread: Option<ThreadId>,
    pub created_at: Moment,
    /// When somebody was last seen to write of it.
    pub last_at: Moment,
    /// The newest case that was looked at for further members.
    pub looked_to: CaseId,
    pub decided_at: Option<Moment>,
    pub decided_by: Option<UserId>,
    /// Why a person decided so.
    pub reason: String,
}

impl Spike {
    /// What it is about, in the words of those who wrote.
    pub fn about(&self, words_max: usize) -> String {
        let words: Vec<&str> = self.words.iter().map(|w| w.word.as_str()).collect();
        words[..words.len().min(words_max)].join(", ")
    }

    /// Why it was proposed: "12 people in 15 minutes; 0.4 are usual at this time".
    pub fn why(&self) -> String {
        let usual = match self.expected {
            few if few < 0.1 => "fewer than 0.1".to_owned(),
            some => format!("{some:.1}"),
        };
        format!(
            "{} within {}; {usual} are usual at this time of the week",
            counted_people(self.authors),
            span_words(self.span)
        )
    }

    /// Staff see and decide about the spikes of their products, and those that are of none.
    pub fn is_for(&self, user: &CurrentUser) -> bool {
        user.is_staff_of(self.product)
    }
}

/// `1 person`, `12 people`.
pub fn counted_people(n: i64) -> String {
    match n {
        1 => "1 person".to_owned(),
        n => format!("{n} people"),
    }
}

/// What came of an act on a spike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It stands so already, or a colleague decided otherwise meanwhile.
    Already,
    NotAllowed,
    NoSuchSpike,
}

/// Held by whoever changes spikes or their members: they are few.
fn hold(tx: &mut Conn) -> Result<()> {
    lock(tx, Lock::named("spikes"))
}

/// Notes an act in the audit log.
fn record(
    tx: &mut Conn,
    now: Moment,
    by: &Actor,
    act: &'static str,
    spike: SpikeId,
    reason: &str,
    data: serde_json::Value,
) -> Result<()> {
    let subject = ("spike", spike.0);
    audit::record(
        tx,
        now,
        Act {
            by,
            act,
            subject,
            reason,
            data,
        },
    )
}

/// `3 cases` and the like, for the log and pages.
fn cases_in_words(n: i64) -> String {
    counted(n, "case")
}
