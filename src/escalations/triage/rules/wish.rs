//! Rules that look for what somebody wants of us.

use super::{Finding, quoted};
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::words;

pub(super) fn question_forms(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(&words::QUESTION);
    if e.questions == 0 && found.is_empty() {
        return None;
    }
    let why = if found.is_empty() {
        "a question mark".to_owned()
    } else {
        format!("asks: {}", quoted(&found))
    };
    Some(Finding {
        question: if e.questions > 0 { 1.5 } else { 0.7 },
        ..Finding::new(why)
    })
}

/// A question about how something is done, without a word of trouble.
pub(super) fn how_to(e: &Evidence<'_>) -> Option<Finding> {
    let calm = e.found(&words::PROBLEM).is_empty() && e.found(&words::NEGATIVE).is_empty();
    (e.questions > 0 && calm).then(|| Finding {
        complaint: -0.7,
        question: 0.5,
        ..Finding::new("asks without telling of trouble".to_owned())
    })
}

pub(super) fn addressed_to_us(e: &Evidence<'_>) -> Option<Finding> {
    e.addressed.then(|| Finding {
        complaint: 0.3,
        question: 0.3,
        ..Finding::new("names us or answers us".to_owned())
    })
}
