//! Rules that look for what nobody needs to answer.

use super::mood::{happy_faces, praise_words};
use super::{Finding, PRAISE_FROM, growing, quoted};
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::words;

pub(super) fn advertising(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(&words::NOISE);
    let stuffed = e.hashtags >= 5;
    (!found.is_empty() || stuffed).then(|| Finding {
        complaint: -0.9,
        noise: growing(1.2, found.len().max(1)) + if stuffed { 0.8 } else { 0.0 },
        ..Finding::new(if found.is_empty() {
            "many hashtags".to_owned()
        } else {
            format!("sounds like advertising or a notice: {}", quoted(&found))
        })
    })
}

/// Followers begged for or sold. Who asks us to follow for a direct message is a customer.
pub fn reach(e: &Evidence<'_>) -> Option<Finding> {
    let is_customer = || ["dm", "dms", "message"].iter().any(|word| e.holds(word));
    let begged = e
        .found(&words::REACH)
        .first()
        .map(|found| (*found).to_owned());
    let found = begged.filter(|_| !is_customer()).or_else(|| {
        e.near(
            |word| words::FOLLOWERS.has(word),
            (3, &words::REACH_VERBS),
            (0, &words::NONE),
        )
    })?;
    Some(Finding {
        complaint: -2.0,
        noise: 4.0,
        ..Finding::new(format!("wants followers: “{found}”"))
    })
}

/// A single good word, or a happy face alone, is praise like any other.
pub(super) fn hardly_any_words(e: &Evidence<'_>) -> Option<Finding> {
    (e.words() < 2).then(|| {
        let is_glad = happy_faces(e).is_some() || praise_words(e).is_some();
        let why = if is_glad {
            "hardly any words, and kind ones"
        } else {
            "hardly any words"
        };
        Finding {
            complaint: -0.8,
            praise: if is_glad { PRAISE_FROM } else { 0.0 },
            noise: if is_glad { 0.0 } else { 1.0 },
            ..Finding::new(why.to_owned())
        }
    })
}
