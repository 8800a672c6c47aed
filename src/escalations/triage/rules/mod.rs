//! The rules, and what one finds.

mod mood;
mod noise;
mod trouble;
mod wish;

pub(super) use mood::{negated_praise, negative_words, profanity, unhappy_faces};
pub(super) use noise::reach;
pub(super) use trouble::{denial, lasting};

use super::evidence::Evidence;

/// From this weight of good words on it is praise.
pub(super) const PRAISE_FROM: f64 = 0.8;

/// What a rule found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Towards complaint when positive.
    pub complaint: f64,
    pub praise: f64,
    pub noise: f64,
    pub question: f64,
    /// For a person: `says “broken”, “refund”`.
    pub why: String,
}

impl Finding {
    fn new(why: String) -> Finding {
        Finding {
            complaint: 0.0,
            praise: 0.0,
            noise: 0.0,
            question: 0.0,
            why,
        }
    }
}

/// Looks at the evidence; finds something or not.
pub type Rule = fn(&Evidence<'_>) -> Option<Finding>;

/// Every rule, in the order in which the reasons are shown.
pub const RULES: &[Rule] = &[
    trouble::danger,
    mood::sarcasm,
    trouble::problem_words,
    mood::negative_words,
    mood::negated_praise,
    trouble::denial,
    trouble::lasting,
    mood::profanity,
    mood::shouting,
    mood::unhappy_faces,
    mood::praise_words,
    mood::happy_faces,
    wish::question_forms,
    wish::how_to,
    wish::addressed_to_us,
    noise::advertising,
    noise::reach,
    noise::hardly_any_words,
];

pub(super) fn quoted(found: &[impl AsRef<str>]) -> String {
    let list: Vec<String> = found
        .iter()
        .take(4)
        .map(|w| format!("“{}”", w.as_ref().trim_end_matches('*')))
        .collect();
    list.join(", ")
}

/// The first counts whole, further ones half, up to four.
fn growing(first: f64, count: usize) -> f64 {
    let further = u32::try_from(count.saturating_sub(1).min(3)).unwrap_or(3);
    first + first * 0.5 * f64::from(further)
}
