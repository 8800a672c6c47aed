//! The one queue: every case that waits for staff, all channels in one.
//!
//! Worst severity first, and within a severity who has waited longest. Neither the channel, nor
//! followers, nor the number of follow-ups has a say; nothing of the kind is even read here.

use super::{Case, Channel, Severity, State, store};
use crate::clock::Moment;
use crate::db::Conn;
use crate::error::Result;
use crate::ids::{CaseId, ProductId, UserId};

/// Whose cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Assignee {
    #[default]
    Anybody,
    Nobody,
    User(UserId),
}

/// What part of the queue, or of the cases that left it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// None: those that wait for staff.
    pub state: Option<State>,
    pub severity: Option<Severity>,
    pub channel: Option<Channel>,
    pub product: Option<ProductId>,
    /// The products of a member of staff who has some only.
    pub staff_products: Option<Vec<ProductId>>,
    pub assignee: Assignee,
    /// Only what stands behind this place, within the severity of the page.
    pub after: Option<(Moment, CaseId)>,
    /// Where a further page begins.
    pub from_severity: Option<Severity>,
}

impl Filter {
    pub(super) fn states(&self) -> Vec<State> {
        match self.state {
            Some(state) => vec![state],
            None => vec![State::New, State::WaitingStaff],
        }
    }
}

/// Cases on one page of the queue.
pub const PAGE_CASES: usize = 50;

/// One page of the queue, and whether more stand behind it.
pub fn page(conn: &mut Conn, filter: &Filter) -> Result<(Vec<Case>, bool)> {
    let mut found = Vec::new();
    let mut filter = filter.clone();
    let wanted = PAGE_CASES + 1;
    for severity in Severity::ALL {
        if filter.severity.is_some_and(|s| s != *severity) {
            continue;
        }
        if let Some(from) = filter.from_severity {
            if from != *severity {
                continue;
            }
            filter.from_severity = None;
        }
        let left = i64::try_from(wanted - found.len()).unwrap_or(0);
        found.extend(store::waiting(conn, *severity, &filter, left)?);
        // The place is one within a severity; the next starts at its front.
        filter.after = None;
        if found.len() >= wanted {
            break;
        }
    }
    let more = found.len() > PAGE_CASES;
    found.truncate(PAGE_CASES);
    Ok((found, more))
}

/// How many of a channel wait, and how long the longest has (µs).
#[derive(Clone, Debug)]
pub struct ChannelWait {
    pub channel: Channel,
    pub waiting: i64,
    pub longest: i64,
}

/// The wait of each channel that has somebody waiting, as a member of staff sees it: of all
/// products, or of theirs and the cases that have none.
pub fn waits(
    conn: &mut Conn,
    now: Moment,
    products: Option<&[ProductId]>,
) -> Result<Vec<ChannelWait>> {
    store::desk::waits(conn, products)?
        .into_iter()
        .map(|(channel, waiting, since)| {
            Ok(ChannelWait {
                channel: channel.parse()?,
                waiting,
                longest: since.map_or(0, |s| now.since(Moment(s)).max(0)),
            })
        })
        .collect()
}

/// How many cases a filter shows, whatever the page.
pub fn count(conn: &mut Conn, filter: &Filter) -> Result<i64> {
    store::desk::count(conn, filter)
}
