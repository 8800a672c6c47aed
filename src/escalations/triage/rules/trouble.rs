//! Rules that look for trouble told.

use super::{Finding, growing, quoted};
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::triage::impact::has_plain_danger;
use crate::escalations::words;

/// Danger told to us, or of what is ours, is never passed over, however calmly it is told. Words
/// that are slang for something good count here only beside another, or beside a product.
pub(super) fn danger(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.dangers();
    let is_told = e.names_product || e.addressed && has_plain_danger(&found);
    (is_told && !found.is_empty()).then(|| Finding {
        complaint: 2.0,
        ..Finding::new(format!("tells of danger: {}", quoted(&found)))
    })
}

pub(super) fn problem_words(e: &Evidence<'_>) -> Option<Finding> {
    let lack = e.lack();
    let mut found = e.unsettled(&words::PROBLEM);
    found.extend(lack.as_deref());
    // Beside a trouble that is over, the words may tell how it was.
    let share = if e.is_over() { 0.5 } else { 1.0 };
    (!found.is_empty()).then(|| Finding {
        complaint: share * growing(1.2, found.len()),
        ..Finding::new(format!("tells of a problem: {}", quoted(&found)))
    })
}

/// Something that does not happen, told to us: most who write so have come to complain.
pub fn denial(e: &Evidence<'_>) -> Option<Finding> {
    let denied = e
        .tokens
        .iter()
        .enumerate()
        .find(|(at, token)| {
            let next = e.tokens.get(at + 1).map_or("", String::as_str);
            let is_eager = token.starts_with("cant") && next == "wait";
            let is_denial = words::NEGATION.has(token) && !e.is_foreign(token);
            is_denial && !is_eager && !e.is_settled(*at)
        })
        .map(|(_, token)| token)?;
    e.addressed.then(|| Finding {
        complaint: 0.8,
        ..Finding::new(format!("denies something: “{denied}”"))
    })
}

/// How long it has been so: "9 days", "since Monday", "for hours".
pub fn lasting(e: &Evidence<'_>) -> Option<Finding> {
    let span = e.tokens.windows(2).find(|pair| {
        let [before, unit] = pair else { return false };
        let is_counted =
            || before.bytes().all(|b| b.is_ascii_digit()) || words::BEFORE_SPANS.has(before);
        words::SINCE.has(before) || (words::SPANS.has(unit) && is_counted())
    })?;
    e.addressed.then(|| Finding {
        complaint: 0.8,
        ..Finding::new(format!("tells how long: “{}”", span.join(" ")))
    })
}
