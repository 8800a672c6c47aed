//! Opening a case.

use serde_json::json;

use super::{Channel, Event, Severity, Step, record_event, store};
use crate::clock::Moment;
use crate::db::Conn;
use crate::db::audit::{self, Act, Actor};
use crate::error::Result;
use crate::ids::{CaseId, HandleId, MentionId, ProductId, TopicId, UserId};
use crate::text::is_visible;

/// What is known of a case when it is opened.
#[derive(Clone, Debug)]
pub struct NewCase<'a> {
    pub channel: Channel,
    pub severity: Severity,
    /// One line that says what it is about.
    pub summary: &'a str,
    pub product: Option<ProductId>,
    pub topic: Option<TopicId>,
    pub user: Option<UserId>,
    pub handle: Option<HandleId>,
    pub email: Option<&'a str>,
    pub customer_name: &'a str,
    /// When the customer wrote: their place in the queue, whatever the channel.
    pub written_at: Moment,
    pub mention: Option<MentionId>,
    pub reasons: Vec<String>,
}

/// Longest summary (characters); pages show it on one line.
pub const SUMMARY_CHARS_MAX: usize = 140;

/// Opens a case in state new.
pub fn open(tx: &mut Conn, now: Moment, by: &Actor, case: NewCase<'_>) -> Result<CaseId> {
    let summary = summary_of(case.summary);
    let id = store::insert(tx, now, &case, &summary)?;
    record_event(
        tx,
        now,
        id,
        Event {
            step: Step::Capture,
            by,
            mention: case.mention,
            summary: &format!("Opened from {}", case.channel.label()),
            reasons: case.reasons.clone(),
            data: json!({"severity": case.severity}),
        },
    )?;
    let reason = case.reasons.join("; ");
    let data = json!({"channel": case.channel, "severity": case.severity});
    audit::record(
        tx,
        now,
        Act {
            by,
            act: "case_opened",
            subject: ("case", id.0),
            reason: &reason,
            data,
        },
    )?;
    Ok(id)
}

/// What a case is called whose customer gave it no name, and wrote no words that could be it.
pub const NO_SUBJECT: &str = "(no subject)";

/// The first line of a text, bounded; never without anything to be seen, for it is what a link says.
pub fn summary_of(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if !is_visible(&line) {
        return NO_SUBJECT.to_owned();
    }
    if line.chars().count() <= SUMMARY_CHARS_MAX {
        return line;
    }
    let mut cut: String = line.chars().take(SUMMARY_CHARS_MAX - 1).collect();
    if let Some(space) = cut.rfind(' ').filter(|at| *at > SUMMARY_CHARS_MAX / 2) {
        cut.truncate(space);
    }
    cut + "…"
}
