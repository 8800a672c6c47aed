//! Signs of style: how somebody writes who wants something put right, in whatever business.
//!
//! Little words that say who speaks of whom, when and how; found to tell more than their number
//! suggests: with them ten-fold AUC on public complaints rises by a hundredth (docs/triage.md).

use crate::escalations::triage::evidence::Evidence;
use crate::escalations::words::{self, List};

/// 0 to 1, how far the sign is there.
pub type Sign = fn(&Evidence<'_>) -> f32;

fn any(e: &Evidence<'_>, list: &List) -> f32 {
    yes(e.has_little(list))
}

/// Whether one of these signs, which are none of ASCII, stands in the text.
fn has(e: &Evidence<'_>, signs: &[char]) -> bool {
    !e.text.is_ascii() && e.text.contains(signs)
}

fn yes(is: bool) -> f32 {
    if is { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "at most a few")]
fn share(count: usize, most: usize) -> f32 {
    count.min(most) as f32 / most as f32
}

/// Every sign. A new one goes to the end, and the weights are trained anew.
pub const STYLE: &[Sign] = &[
    |e| share(e.tokens.len(), 40),
    |e| share(e.tokens.len(), 6),
    |e| yes(e.text.trim_start().starts_with('@')),
    |e| share(e.count(b'@'), 4),
    |e| yes(e.links > 0),
    |e| yes(e.questions > 0),
    |e| yes(e.text.trim_end().ends_with(['?', '？'])),
    |e| yes(e.exclamations > 0),
    |e| yes(e.count(b'.') > 1 && e.text.contains("..") || has(e, &['…'])),
    |e| yes(e.count(b'"') > 0 || has(e, &['“', '„', '«'])),
    |e| yes((b'0'..=b'9').any(|digit| e.count(digit) > 0)),
    |e| yes(e.shouted > 0),
    |e| yes(e.hashtags > 0),
    |e| share(e.count(b','), 4),
    |e| share(e.count(b'.'), 6),
    |e| yes(e.addressed),
    |e| yes(!e.addressed) * share(e.tokens.len(), 40),
    |e| any(e, &words::I),
    |e| any(e, &words::MY),
    |e| any(e, &words::YOU),
    |e| any(e, &words::WE),
    |e| any(e, &words::PLEASE),
    |e| any(e, &words::THANKED),
    |e| any(e, &words::CAN),
    |e| any(e, &words::IS),
    |e| any(e, &words::WAS),
    |e| any(e, &words::HAS),
    |e| any(e, &words::NEGATION),
    |e| any(e, &words::WHY),
    |e| any(e, &words::HOW),
    |e| any(e, &words::WHEN),
    |e| any(e, &words::WHAT),
    |e| any(e, &words::WHERE),
    |e| any(e, &words::WHICH),
    |e| any(e, &words::BUT),
    |e| any(e, &words::STILL),
    |e| any(e, &words::ONLY),
    |e| any(e, &words::BECAUSE),
    |e| any(e, &words::ALWAYS),
    |e| any(e, &words::SPANS),
    |e| any(e, &words::TRY),
    |e| any(e, &words::GET),
    |e| any(e, &words::ANY),
    |e| any(e, &words::HELLO),
    |e| any(e, &words::CONTACT),
    |e| any(e, &words::SERVICE),
    |e| any(e, &words::SOFTWARE),
    |e| any(e, &words::ORDINAL),
    |e| any(e, &words::NEED),
    |e| any(e, &words::EXPECT),
    |e| any(e, &words::DEMAND),
    |e| any(e, &words::PEOPLE),
    |e| any(e, &words::AMOUNT),
    |e| any(e, &words::COME),
    |e| any(e, &words::AVAILABLE),
    |e| any(e, &words::FORCE),
    |e| any(e, &words::CRY),
    |e| any(e, &words::WONDER),
    |e| any(e, &words::TOLD),
    |e| any(e, &words::TURNED),
    |e| yes(e.has(&words::ACCOUNT)),
    |e| yes(e.has(&words::BLOCKED)),
    |e| yes(e.has(&words::MONEY)),
    |e| yes(e.has(&words::PAYING)),
    |e| yes(e.has(&words::LOSS)),
    |e| yes(e.has(&words::MANY)),
    |e| yes(e.has(&words::OVER)),
];
