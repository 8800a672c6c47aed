//! Link: which thread solves or discusses a case, or that it needs a ticket.

use serde_json::json;

use super::Standing;
use super::store::{self, Mention, ThreadFacts};
use super::triage::{Product, Triage};
use crate::cases::links::{self, LinkState, NewLink, Target};
use crate::cases::{self, Event, Step};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::Actor;
use crate::error::Result;
use crate::ids::{CaseId, ProductId, TopicId};
use crate::ranker::{LINK_FROM, PROPOSE_FROM, Signals};
use crate::text::{self, counted};

/// Threads proposed for one case.
pub const PROPOSALS_MAX: usize = 5;
/// Candidates asked of the search.
pub const CANDIDATES_MAX: usize = 8;
/// How far the best must stand above the second to be sure (confidence).
const LEAD_MIN: f64 = 0.05;
/// Longest title of a thread we draft (characters).
const DRAFT_TITLE_CHARS_MAX: usize = 100;

/// A thread that may be about the same.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub thread: ThreadFacts,
    /// 0 to 1.
    pub confidence: f64,
    pub reasons: Vec<String>,
    /// What was measured.
    pub signals: Signals,
}

/// Where a case goes on.
#[derive(Clone, Debug)]
pub enum Decision {
    /// Private: an account, an order, money or personal data is needed.
    Ticket(Vec<String>),
    /// Sure.
    Thread(Box<Candidate>),
    /// Unsure: a person chooses.
    Proposals(Vec<Candidate>),
    /// Nobody has it yet.
    Nothing,
}

/// Decides by the policy of the product. `candidates` are the best first.
pub fn decide(triage: &Triage, product: Option<&Product>, candidates: &[Candidate]) -> Decision {
    if triage.needs_account {
        return Decision::Ticket(vec![
            "it needs an account, an order or money looked up; that is nothing for the public"
                .to_owned(),
        ]);
    }
    let link_from = product.map_or(LINK_FROM, |p| p.link_threshold);
    let propose_from = product.map_or(PROPOSE_FROM, |p| p.propose_threshold);
    // Who is done with it, or only angry, is pointed to a thread by a person alone.
    let is_actionable = triage.standing.is_none_or(|s| s == Standing::Actionable);
    let may_link = product.is_none_or(|p| p.auto_link) && !triage.in_doubt && is_actionable;
    if let Some(best) = candidates.first() {
        let lead = candidates
            .get(1)
            .map_or(1.0, |second| best.confidence - second.confidence);
        if may_link && best.confidence >= link_from && lead >= LEAD_MIN {
            return Decision::Thread(Box::new(best.clone()));
        }
    }
    let proposals: Vec<Candidate> = candidates
        .iter()
        .filter(|c| c.confidence >= propose_from)
        .take(PROPOSALS_MAX)
        .cloned()
        .collect();
    if proposals.is_empty() {
        Decision::Nothing
    } else {
        Decision::Proposals(proposals)
    }
}

/// Keeps what was measured of the candidates, to be learned from once the case has come to its end.
pub fn keep_measured(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    candidates: &[Candidate],
) -> Result<()> {
    if candidates.is_empty() {
        return Ok(());
    }
    let measured: Vec<_> = candidates
        .iter()
        .map(|c| (c.thread.id, c.signals))
        .collect();
    store::site_models::insert_candidates(tx, case, &measured, now)
}

/// Puts the decision down with its reasons.
pub fn link(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: &Mention,
    triage: &Triage,
    decision: &Decision,
) -> Result<()> {
    let by = Actor::rule("link");
    match decision {
        Decision::Ticket(reasons) => {
            let link = NewLink {
                target: Target::Ticket,
                score: 1.0,
                reasons: reasons.clone(),
                rule: "needs_account".to_owned(),
            };
            links::link(tx, now, &by, case, &link)?;
        }
        Decision::Thread(best) => {
            let link = new_link(best, "sure_enough");
            links::link(tx, now, &by, case, &link)?;
        }
        Decision::Proposals(list) => {
            let mut reasons = Vec::new();
            for candidate in list {
                let link = new_link(candidate, "similar");
                cases::store::insert_link(tx, now, case, &link, LinkState::Proposed, None)?;
                reasons.push(format!(
                    "“{}” ({:.2}): {}",
                    candidate.thread.title,
                    candidate.confidence,
                    candidate.reasons.join(", ")
                ));
            }
            let threads = counted(list.len(), "thread");
            let summary = format!("{threads} proposed; a person chooses");
            event(tx, now, case, mention, &summary, reasons, json!({}))?;
        }
        Decision::Nothing => {
            let draft = suggest_thread(mention, triage.product, triage.topic);
            let reasons = vec!["no thread is similar enough".to_owned()];
            let summary = "Nobody has this yet: a person can draft a thread from it";
            event(
                tx,
                now,
                case,
                mention,
                summary,
                reasons,
                json!({"suggested_thread": draft}),
            )?;
        }
    }
    Ok(())
}

fn new_link(candidate: &Candidate, rule: &str) -> NewLink {
    NewLink {
        target: Target::Thread(candidate.thread.id),
        score: candidate.confidence,
        reasons: candidate.reasons.clone(),
        rule: rule.to_owned(),
    }
}

fn event(
    tx: &mut Conn,
    now: Moment,
    case: CaseId,
    mention: &Mention,
    summary: &str,
    reasons: Vec<String>,
    data: serde_json::Value,
) -> Result<()> {
    cases::record_event(
        tx,
        now,
        case,
        Event {
            step: Step::Link,
            by: &Actor::rule("link"),
            mention: Some(mention.id),
            summary,
            reasons,
            data,
        },
    )
}

/// A thread to be published by a person, in words that name nobody.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SuggestedThread {
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub title: String,
    pub body: String,
}

/// The post as the beginning of a thread: without handles, addresses and personal data.
pub fn suggest_thread(
    mention: &Mention,
    product: Option<ProductId>,
    topic: Option<TopicId>,
) -> SuggestedThread {
    let plain = text::words::normalise(&text::personal_data::mask(&mention.text));
    let title = first_sentence(&plain, DRAFT_TITLE_CHARS_MAX);
    SuggestedThread {
        product,
        topic,
        title,
        body: format!("A customer writes:\n\n> {plain}\n"),
    }
}

/// The first sentence, cut at a word when it is long.
pub fn first_sentence(plain: &str, chars_max: usize) -> String {
    let end = plain
        .char_indices()
        .find(|(at, c)| matches!(c, '.' | '!' | '?' | '\n') && *at >= 15)
        .map_or(plain.len(), |(at, _)| at);
    text::markdown::excerpt(plain[..end].trim(), chars_max)
}

/// The public threads behind what the search found, in its order.
pub fn candidates(conn: &mut Conn, found: &[crate::ranker::Similar]) -> Result<Vec<Candidate>> {
    let ids: Vec<i64> = found.iter().map(|s| s.thread_id).collect();
    let threads = store::public_threads(conn, &ids)?;
    Ok(found
        .iter()
        .filter_map(|similar| {
            Some(Candidate {
                thread: threads.get(&similar.thread_id)?.clone(),
                confidence: similar.confidence,
                reasons: similar.reasons.clone(),
                signals: similar.signals,
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::escalations::triage;
    use crate::ids::ThreadId;

    fn candidate(id: i64, confidence: f64) -> Candidate {
        Candidate {
            thread: ThreadFacts {
                id: ThreadId(id),
                product: ProductId(1),
                title: "t".into(),
                slug: "t".into(),
                state: "open".into(),
                kind: "question".into(),
                is_solved: false,
            },
            confidence,
            reasons: vec![],
            signals: [0.0; crate::ranker::COUNT],
        }
    }

    #[test]
    fn sure_links_unsure_proposes_private_is_a_ticket() {
        let plain = triage::judge("the app crashes", true, &[], &[]);
        let sure = decide(&plain, None, &[candidate(1, 0.9), candidate(2, 0.5)]);
        assert!(matches!(sure, Decision::Thread(c) if c.thread.id == ThreadId(1)));
        let close = decide(&plain, None, &[candidate(1, 0.9), candidate(2, 0.89)]);
        assert!(matches!(close, Decision::Proposals(list) if list.len() == 2));
        let many: Vec<Candidate> = (0..8).map(|n| candidate(n, 0.5)).collect();
        assert!(
            matches!(decide(&plain, None, &many), Decision::Proposals(l) if l.len() == PROPOSALS_MAX)
        );
        assert!(matches!(
            decide(&plain, None, &[candidate(1, 0.1)]),
            Decision::Nothing
        ));
        let private = triage::judge("where is my refund", true, &[], &[]);
        let ticket = decide(&private, None, &[candidate(1, 0.99)]);
        assert!(matches!(ticket, Decision::Ticket(_)));
    }
}
