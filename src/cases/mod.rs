//! Cases: one person's problem that somebody must resolve, whatever channels it came by;
//! the one queue they wait in, and the links that bind them to threads, tickets and each other.
//!
//! The functions here change one case inside a transaction that the caller opened, because a
//! change of a case nearly always belongs to something larger (a mention arriving, a mail, a
//! thread being solved). They write the case's story, the audit log and the change log.

pub mod links;
pub mod policy;
pub mod queue;
pub mod satisfaction;
pub mod states;
pub mod store;

mod merge;
mod notes;
mod open;

use serde::{Deserialize, Serialize};

use crate::clock::Moment;
use crate::ids::{CaseId, HandleId, ProductId, TopicId, UserId};

pub use merge::{MergeOutcome, hold_successor, merge};
pub use notes::add_note;
pub use open::{NO_SUBJECT, NewCase, open, summary_of};
pub use store::inconsistencies as recount;
pub use store::{Event, record_event};

/// Declares an enum whose variants are stored and shown by a word.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal, $label:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word in tables, addresses and JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The words people read.
            pub fn label(self) -> &'static str {
                match self { $($name::$variant => $label),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::error::Error;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok($name::$variant),)+
                    other => Err(crate::error::Error::Data(format!(
                        "`{other}` is no {}", stringify!($name)
                    ))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(crate) use words;

words! {
    /// Where a case stands. Transitions: `states.rs`.
    State {
        New = "new", "New";
        WaitingStaff = "waiting_staff", "Waits for us";
        WaitingCustomer = "waiting_customer", "Waits for the customer";
        Resolved = "resolved", "Resolved";
        Closed = "closed", "Closed";
    }
}

words! {
    /// How bad it is for the person, worst first. It comes from impact, never from the channel.
    Severity {
        Safety = "safety", "Safety";
        Money = "money", "Money lost";
        Blocked = "blocked", "Can't use it";
        Many = "many", "Many affected";
        Annoyance = "annoyance", "Annoyance";
    }
}

words! {
    /// How a case came in.
    Channel {
        X = "x", "X";
        Bluesky = "bluesky", "Bluesky";
        Mastodon = "mastodon", "Mastodon";
        Import = "import", "Import";
        Email = "email", "Email";
        Form = "form", "Contact form";
        Forum = "forum", "Forum";
    }
}

words! {
    /// A part of a case's story: the eight steps of the main job, and what people do.
    Step {
        Capture = "capture", "Came in";
        Triage = "triage", "Judged";
        Identify = "identify", "Identified";
        Join = "join", "Joined";
        Separate = "separate", "Separated";
        Link = "link", "Linked";
        Acknowledge = "acknowledge", "Acknowledged";
        Claim = "claim", "Claimed";
        CloseLoop = "close_loop", "Told the customer";
        Ticket = "ticket", "Ticket";
        State = "state", "State";
        Severity = "severity", "Severity";
        Product = "product", "Product";
        Assign = "assign", "Assigned";
        Note = "note", "Note";
        Merge = "merge", "Merged";
        Satisfaction = "satisfaction", "Satisfaction";
        Deleted = "deleted", "Deleted on the network";
    }
}

impl Severity {
    /// Whether it is worse for the person than `other`.
    pub fn is_worse_than(self, other: Severity) -> bool {
        // Declared worst first.
        (self as u8) < other as u8
    }
}

impl State {
    /// Whether staff have to do something: the case is in the queue.
    pub fn waits_for_staff(self) -> bool {
        matches!(self, State::New | State::WaitingStaff)
    }

    /// Whether the problem is still there.
    pub fn is_open(self) -> bool {
        !matches!(self, State::Resolved | State::Closed)
    }
}

/// A case as every page and step needs it.
#[derive(Clone, Debug)]
pub struct Case {
    pub id: CaseId,
    pub state: State,
    pub severity: Severity,
    pub channel: Channel,
    pub summary: String,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub user: Option<UserId>,
    pub handle: Option<HandleId>,
    pub email: Option<String>,
    pub customer_name: String,
    pub assignee: Option<UserId>,
    pub opened_at: Moment,
    /// Its place in the queue: since when it waits. Kept when it leaves the queue, so that a
    /// case that reopens has its old place.
    pub waiting_since: Moment,
    pub first_response_at: Option<Moment>,
    pub resolved_at: Option<Moment>,
    pub closed_at: Option<Moment>,
    pub reopened_count: i64,
    pub merged_into: Option<CaseId>,
    pub satisfaction: Option<String>,
    pub version: i64,
}
