//! Rules that look for the mood: angry, glad, or glad by the words alone.

use super::{Finding, growing, quoted};
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::words;

/// Hollow praise of at least so many words tells of something else too.
const HOLLOW_WORDS_MIN: usize = 6;

impl Evidence<'_> {
    /// Whether it says in words that its praise is meant, and tells of no fault.
    pub(in crate::escalations::triage) fn is_earnest(&self) -> bool {
        !self.found(&words::EARNEST).is_empty() && self.is_faultless()
    }

    /// Whether its good words are of the hollow kind, with a tale behind them that they don't name.
    pub(in crate::escalations::triage) fn is_hollow(&self) -> bool {
        if self.is_earnest() || (self.folded.ends_with(" well done ") && self.is_faultless()) {
            return false;
        }
        let good = self.found(&words::PRAISE);
        let is_end = |word: &str| {
            let ends = words::HOLLOW
                .iter()
                .filter_map(|phrase| phrase.trim_end_matches('*').rsplit(' ').next());
            ends.into_iter().any(|end| end == word)
        };
        good.iter().all(|word| words::HOLLOW.has(word))
            && good.iter().any(|word| !matches!(*word, "great" | "nice"))
            && self
                .near(is_end, (0, &words::NONE), (2, &words::PRAISED_FOR))
                .is_none()
            && self.words() >= HOLLOW_WORDS_MIN
    }
}

pub(super) fn sarcasm(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(&words::SARCASM);
    let sour = !e.found(&words::PROBLEM).is_empty() || !e.found(&words::NEGATIVE).is_empty();
    let plain = found.iter().any(|f| {
        f.contains("nothing")
            || f.contains("nichts")
            || f.contains("nada")
            || f.contains("rien")
            || f.contains("breaking")
            || f.contains("ruin")
    });
    let harm = e.near(
        |word| words::THANKS.has(word),
        (0, &words::NONE),
        (4, &words::HARM),
    );
    let found: Vec<String> = found
        .into_iter()
        .map(str::to_owned)
        .chain(harm.clone())
        .collect();
    (!found.is_empty() && (sour || plain || harm.is_some())).then(|| Finding {
        complaint: 2.0,
        praise: -2.0,
        ..Finding::new(format!(
            "praise that means its opposite: {}",
            quoted(&found)
        ))
    })
}

pub fn negative_words(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.unsettled(&words::NEGATIVE);
    (!found.is_empty()).then(|| Finding {
        complaint: growing(1.3, found.len()),
        ..Finding::new(format!("unhappy words: {}", quoted(&found)))
    })
}

pub fn negated_praise(e: &Evidence<'_>) -> Option<Finding> {
    e.negated(&words::PRAISE).map(|what| Finding {
        complaint: 0.8,
        praise: -1.0,
        ..Finding::new(format!("a good word denied: “{what}”"))
    })
}

pub fn profanity(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(&words::PROFANITY);
    (!found.is_empty()).then(|| Finding {
        complaint: 0.7,
        ..Finding::new("strong language".to_owned())
    })
}

pub(super) fn shouting(e: &Evidence<'_>) -> Option<Finding> {
    let capitals = e.shouted >= 2 && e.shouted * 3 >= e.tokens.len();
    (e.exclamations >= 3 || capitals || (e.exclamations > 0 && e.questions > 0)).then(|| Finding {
        complaint: 0.3,
        ..Finding::new("capitals or many exclamation marks".to_owned())
    })
}

pub fn unhappy_faces(e: &Evidence<'_>) -> Option<Finding> {
    let typed = e.count(b':') > 0
        && [":(", ":-(", ":/", ":'("].iter().any(|face| {
            e.text.contains(face)
                && !(*face == ":/" && e.text.contains("://") && !e.text.contains(":/ "))
        });
    (typed || (!e.text.is_ascii() && e.text.contains(words::SAD_EMOJI))).then(|| Finding {
        complaint: 0.7,
        praise: -0.5,
        ..Finding::new("an unhappy face".to_owned())
    })
}

pub(super) fn praise_words(e: &Evidence<'_>) -> Option<Finding> {
    let found = e.found(&words::PRAISE);
    (!found.is_empty()).then(|| {
        // "Thanks" alone often ends a request.
        let polite = found.iter().all(|f| {
            matches!(
                *f,
                "thanks" | "thank you" | "thx" | "ty" | "cheers" | "danke*" | "gracias" | "merci"
            )
        });
        Finding {
            complaint: if polite { -0.3 } else { -0.9 },
            praise: growing(if polite { 0.8 } else { 1.2 }, found.len()),
            ..Finding::new(format!("good words: {}", quoted(&found)))
        }
    })
}

pub(super) fn happy_faces(e: &Evidence<'_>) -> Option<Finding> {
    let typed = (e.count(b':') > 0 || e.count(b';') > 0 || e.count(b'<') > 0)
        && [":)", ":-)", ":D", ";)", "<3"]
            .iter()
            .any(|face| e.text.contains(face));
    (typed || (!e.text.is_ascii() && e.text.contains(words::GLAD_EMOJI))).then(|| Finding {
        complaint: -0.6,
        praise: 0.6,
        ..Finding::new("a happy face".to_owned())
    })
}
