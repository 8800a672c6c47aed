//! How much two texts have in common.

use super::evidence::tokens;
use crate::escalations::words;
use crate::text;

/// The share of telling words that two texts have in common, 0 to 1.
pub fn likeness(a: &str, b: &str) -> f64 {
    fn telling(text: &str) -> std::collections::HashSet<String> {
        tokens(&text::words::normalise(text))
            .into_iter()
            .filter(|t| t.chars().count() > 2 && !words::COMMON.has(t))
            .collect()
    }
    let (a, b) = (telling(a), telling(b));
    if a.is_empty() || b.is_empty() {
        return 0.0;
    }
    let shared = a.intersection(&b).count();
    let smaller = a.len().min(b.len());
    let all = a.len() + b.len() - shared;
    // A short follow-up shares all it has with a long first post: half by each measure.
    #[allow(clippy::cast_precision_loss)]
    let (by_all, by_smaller) = (shared as f64 / all as f64, shared as f64 / smaller as f64);
    if smaller < 3 {
        by_all
    } else {
        f64::midpoint(by_all, by_smaller)
    }
}
