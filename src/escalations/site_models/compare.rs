//! Whether new weights judge better than those in use.

use serde::{Deserialize, Serialize};

/// Examples that must be there for a comparison to mean something.
pub const UNSEEN_MIN: usize = 20;
/// By so many standard errors the loss must fall.
const STANDARD_ERRORS: f64 = 2.0;
/// Probabilities are held this far from certain, so that one miss does not decide (Platt 1999 holds
/// his targets likewise).
const CERTAIN: f64 = 0.005;

/// One measure, of the weights in use and of the new ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// In words.
    pub name: String,
    pub before: f64,
    pub after: f64,
}

/// New weights held against those in use, on examples that neither was trained on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How many examples were judged by both.
    pub judged: usize,
    pub figures: Vec<Figure>,
    /// The new ones are better: by more than chance makes of so few, and in no measure that matters worse.
    pub is_better: bool,
    /// The newest example (the id of its post or case) that the new weights have seen.
    pub seen_up_to: i64,
}

/// The logarithmic loss of a probability (Good 1952).
pub fn loss(p: f64, is_so: bool) -> f64 {
    let p = p.clamp(CERTAIN, 1.0 - CERTAIN);
    -(if is_so { p } else { 1.0 - p }).ln()
}

/// The mean.
pub fn mean(of: &[f64]) -> f64 {
    if of.is_empty() {
        0.0
    } else {
        of.iter().sum::<f64>() / count(of.len())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}

/// Whether the losses fell by at least two standard errors of their differences, example by example:
/// by chance alone that happens once in forty times.
pub fn fell(before: &[f64], after: &[f64]) -> bool {
    let falls: Vec<f64> = before.iter().zip(after).map(|(b, a)| b - a).collect();
    if falls.len() < UNSEEN_MIN {
        return false;
    }
    let middle = mean(&falls);
    let squares = falls
        .iter()
        .map(|fall| (fall - middle).powi(2))
        .sum::<f64>();
    let n = count(falls.len());
    let error = (squares / (n - 1.0) / n).sqrt();
    middle > 0.0 && middle >= STANDARD_ERRORS * error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_by_chance_is_no_gain() {
        let before = vec![0.5; 40];
        assert!(fell(&before, &[0.4; 40]));
        assert!(!fell(&before, &before));
        assert!(!fell(&before, &[0.6; 40]));
        assert!(
            !fell(&before[..UNSEEN_MIN - 1], &[0.1; UNSEEN_MIN - 1]),
            "too few to say"
        );
        // One in forty much better, the others a little worse.
        let mut one: Vec<f64> = vec![0.51; 40];
        one[7] = 0.1;
        assert!(!fell(&before, &one));
    }

    #[test]
    fn a_certain_miss_costs_much_and_not_all() {
        assert!(loss(0.0, true) > 5.0 && loss(0.0, true) < 6.0);
        assert!(loss(1.0, true) < 0.01);
        assert!((loss(0.5, false) - std::f64::consts::LN_2).abs() < 1e-9);
    }
}
