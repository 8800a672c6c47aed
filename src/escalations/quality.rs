//! Quality: how right the rules were, in few numbers, each with what it is a part of. A figure and the
//! list it opens are made by the same function from the same rows.
//!
//! What a person leaves as it is counts as right, for most of it is looked at: every case of the queue
//! shows its links. It is the more lenient count; the page says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Label;
use crate::cases::links::LinkState;
use crate::cases::words;
use crate::clock::{DAY, Moment};
use crate::forum::deflections;
use crate::ids::{CaseId, MentionId, ProductId, ThreadId};

/// The rule that links by itself where it is sure enough; the others only propose.
const SURE: &str = "sure_enough";
/// A week (µs).
pub const WEEK: i64 = 7 * DAY;

/// A span of time: from `from`, before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: Moment,
    pub to: Moment,
}

impl Period {
    /// The week (Monday to Sunday, UTC) in which this moment lies.
    pub fn week_of(at: Moment) -> Period {
        // 1 January 1970 was a Thursday.
        let days = at.0.div_euclid(DAY);
        let monday = (days + 3).div_euclid(7) * 7 - 3;
        Period::week_from(Moment(monday * DAY))
    }

    /// The seven days that begin with this moment.
    pub fn week_from(from: Moment) -> Period {
        Period {
            from,
            to: from.plus(WEEK),
        }
    }
}

/// A link to a thread that a rule made or proposed.
#[derive(Clone, Debug)]
pub struct Linked {
    pub case: CaseId,
    pub product: Option<ProductId>,
    pub rule: String,
    pub state: LinkState,
    pub score: f64,
    /// A person decided about it.
    pub by_person: bool,
}

impl Linked {
    /// Whether the rule linked it by itself.
    pub fn is_sure(&self) -> bool {
        self.rule == SURE
    }

    fn is_refused(&self) -> bool {
        matches!(self.state, LinkState::Rejected | LinkState::Undone)
    }

    /// Right (`Some(true)`) if it stands as linked, wrong if a person refused or undid it; `None`
    /// while it is only proposed.
    pub fn verdict(&self) -> Option<bool> {
        match self.state {
            LinkState::Confirmed => Some(true),
            LinkState::Rejected | LinkState::Undone => Some(false),
            LinkState::Proposed => None,
        }
    }
}

words! {
    /// A figure that counts cases.
    CaseFigure {
        /// A rule linked them by itself.
        Linked = "linked", "Linked by a rule";
        /// Of these, nobody took the link back.
        Standing = "standing", "Left standing";
        /// Of these, somebody did.
        TakenBack = "taken_back", "Taken back";
        /// A rule proposed threads to them.
        Offered = "offered", "Threads proposed";
        /// Of these, a person linked one.
        Accepted = "accepted", "One was linked";
        /// Of these, a person said "not this" and linked none.
        Refused = "refused", "Refused, none linked";
        /// Of these, nobody has said anything.
        Open = "open", "Nothing said";
    }
}

impl CaseFigure {
    /// The cases that it counts, each once, by rising id.
    pub fn cases(self, links: &[Linked]) -> Vec<CaseId> {
        let is_sure = matches!(
            self,
            CaseFigure::Linked | CaseFigure::Standing | CaseFigure::TakenBack
        );
        let mut of_case: BTreeMap<i64, Vec<&Linked>> = BTreeMap::new();
        for link in links.iter().filter(|link| link.is_sure() == is_sure) {
            of_case.entry(link.case.0).or_default().push(link);
        }
        let counted = of_case.into_iter().filter(|(_, links)| {
            let accepted = links
                .iter()
                .any(|l| l.state == LinkState::Confirmed && l.by_person);
            let refused = links.iter().any(|link| link.is_refused());
            match self {
                CaseFigure::Linked | CaseFigure::Offered => true,
                CaseFigure::Standing => !refused,
                CaseFigure::TakenBack => refused,
                CaseFigure::Accepted => accepted,
                CaseFigure::Refused => !accepted && refused,
                CaseFigure::Open => !accepted && !refused,
            }
        });
        counted.map(|(case, _)| CaseId(case)).collect()
    }
}

/// A post that a rule judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged {
    pub post: MentionId,
    pub product: Option<ProductId>,
    pub judged: Label,
    /// What a person called it since.
    pub said: Option<Label>,
}

impl Judged {
    /// What it is taken to be: what a person said, else what was judged.
    pub fn held(&self) -> Label {
        self.said.unwrap_or(self.judged)
    }
}

/// How often what was judged as one was held to be another: `[judged][held]`, in the order of
/// `Label::ALL`.
pub fn confusion(judged: &[Judged]) -> Vec<Vec<usize>> {
    let at = |label: Label| Label::ALL.iter().position(|l| *l == label).unwrap_or(0);
    let mut table = vec![vec![0; Label::ALL.len()]; Label::ALL.len()];
    for one in judged {
        table[at(one.judged)][at(one.held())] += 1;
    }
    table
}

/// A form that showed threads like what was being written, and what came of it.
#[derive(Clone, Debug)]
pub struct Deflected {
    pub id: i64,
    /// `ask` or `contact`.
    pub place: String,
    pub product: Option<ProductId>,
    pub shown_at: Moment,
    /// The thread that was opened first, with its title.
    pub thread: Option<(ThreadId, String)>,
    pub is_opened: bool,
    /// Whoever wrote said that it solved the problem.
    pub is_solved: bool,
    /// The message was sent all the same.
    pub is_written: bool,
    /// A later case of the same person.
    pub taken_back_by: Option<CaseId>,
}

words! {
    /// A figure that counts forms in the ledger of deflections.
    DeflectionFigure {
        Shown = "shown", "Threads shown";
        Opened = "opened", "One was opened";
        Written = "written", "Written all the same";
        /// Nothing was written within the hour.
        Left = "left", "Left without writing";
        Solved = "solved", "“This solved it”";
        TakenBack = "came_back", "Came back within 7 days";
    }
}

impl DeflectionFigure {
    /// Whether it counts this form, at this moment.
    pub fn counts(self, one: &Deflected, now: Moment) -> bool {
        // Who comes back with a case was not helped after all.
        let is_kept = one.taken_back_by.is_none();
        match self {
            DeflectionFigure::Shown => true,
            DeflectionFigure::Opened => one.is_opened,
            DeflectionFigure::Written => one.is_written,
            DeflectionFigure::Left => {
                let waited = now.since(one.shown_at);
                !one.is_written && (one.is_solved || waited >= deflections::LEFT_AFTER) && is_kept
            }
            DeflectionFigure::Solved => one.is_solved && !one.is_written && is_kept,
            DeflectionFigure::TakenBack => one.taken_back_by.is_some(),
        }
    }
}

/// What another threshold would have done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preview {
    pub threshold: f64,
    /// Cases that would have been linked without a person.
    pub linked: usize,
    /// Of these, how many somebody has said something about, and how many of those were refused.
    pub known: usize,
    pub refused: usize,
}

/// What these thresholds would have done with the best threads of these cases (`best_links`).
pub fn preview(best: &[(f64, Option<bool>)], thresholds: &[f64]) -> Vec<Preview> {
    let mut asked: Vec<f64> = thresholds
        .iter()
        .copied()
        .filter(|t| (0.0..=1.0).contains(t))
        .collect();
    asked.sort_by(f64::total_cmp);
    asked.dedup();
    asked
        .into_iter()
        .map(|threshold| {
            let linked: Vec<_> = best
                .iter()
                .filter(|(score, _)| *score >= threshold)
                .collect();
            Preview {
                threshold,
                linked: linked.len(),
                known: linked.iter().filter(|(_, said)| said.is_some()).count(),
                refused: linked
                    .iter()
                    .filter(|(_, said)| *said == Some(false))
                    .count(),
            }
        })
        .collect()
}

/// The products of rows that a person may see: those they are bound to and none; all when unbound.
pub fn may_see(product: Option<ProductId>, bound: Option<&BTreeSet<i64>>) -> bool {
    match (product, bound) {
        (Some(product), Some(bound)) => bound.contains(&product.0),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(case: i64, rule: &str, state: LinkState, by_person: bool) -> Linked {
        Linked {
            case: CaseId(case),
            product: None,
            rule: rule.into(),
            state,
            score: 0.9,
            by_person,
        }
    }

    #[test]
    fn each_case_counts_once_and_the_parts_make_the_whole() {
        use LinkState::{Confirmed, Proposed, Rejected, Undone};
        let links = [
            link(1, SURE, Confirmed, false),
            link(2, SURE, Undone, true),
            link(3, "similar", Proposed, false),
            link(3, "similar", Rejected, true),
            link(4, "similar", Rejected, true),
            link(4, "similar", Confirmed, true),
            link(5, "similar", Proposed, false),
        ];
        let ids = |figure: CaseFigure| -> Vec<i64> {
            figure.cases(&links).into_iter().map(|c| c.0).collect()
        };
        assert_eq!(ids(CaseFigure::Linked), [1, 2]);
        assert_eq!(ids(CaseFigure::Standing), [1]);
        assert_eq!(ids(CaseFigure::TakenBack), [2]);
        assert_eq!(ids(CaseFigure::Offered), [3, 4, 5]);
        assert_eq!(ids(CaseFigure::Accepted), [4]);
        assert_eq!(ids(CaseFigure::Refused), [3]);
        assert_eq!(ids(CaseFigure::Open), [5]);
    }

    #[test]
    fn a_week_begins_on_monday() {
        let sunday = Moment::parse("2026-11-22T23:59:59Z").unwrap();
        assert_eq!(Period::week_of(sunday).from.day(), "2026-11-16");
        assert_eq!(
            Period::week_of(sunday.plus(1_000_000)).from.day(),
            "2026-11-23"
        );
    }

    #[test]
    fn a_preview_counts_what_is_known_apart() {
        let best = [
            (0.95, Some(true)),
            (0.85, Some(false)),
            (0.85, None),
            (0.4, Some(true)),
        ];
        let seen = preview(&best, &[0.8, 0.9, 0.8, 7.0]);
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].linked, seen[0].known, seen[0].refused), (3, 2, 1));
        assert_eq!((seen[1].linked, seen[1].refused), (1, 0));
    }
}
