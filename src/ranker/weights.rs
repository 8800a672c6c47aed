//! What each signal is worth: one number each, learned, to be read by anybody.

use serde::{Deserialize, Serialize};

use super::signals::{COUNT, SIGNALS, Signals};
use crate::error::{Error, Result};

/// A model: weights of the signals, and how a score becomes a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// In the order of [`SIGNALS`].
    pub worth: [f64; COUNT],
    /// `p = σ(base + score × slope + lead × lead_slope)`.
    pub base: f64,
    pub slope: f64,
    pub lead_slope: f64,
}

/// How far a lead over the next candidate counts (score).
pub const LEAD_MAX: f64 = 3.0;

impl Weights {
    /// The score of a thread: comparable within one answer.
    pub fn score(&self, signals: &Signals) -> f64 {
        self.worth.iter().zip(signals).map(|(w, s)| w * s).sum()
    }

    /// The probability that a reader would accept the link. `lead` is the score less that of the
    /// best other candidate.
    pub fn p_link(&self, score: f64, lead: f64) -> f64 {
        let lead = lead.clamp(-LEAD_MAX, LEAD_MAX);
        let odds = self.base + self.slope * score + self.lead_slope * lead;
        1.0 / (1.0 + (-odds).exp())
    }

    /// As they are stored.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::other)
    }

    /// Reads what [`Weights::to_json`] wrote; those of a version with other signals are refused.
    pub fn from_json(bytes: &[u8]) -> Result<Weights> {
        let weights: Weights = serde_json::from_slice(bytes).map_err(Error::other)?;
        let numbers = [weights.base, weights.slope, weights.lead_slope];
        if numbers.iter().chain(&weights.worth).all(|n| n.is_finite()) {
            Ok(weights)
        } else {
            Err(Error::other("these weights hold numbers that are none"))
        }
    }

    /// Each weight with its name in words, the weightiest first.
    pub fn in_words(&self) -> Vec<(&'static str, f64)> {
        let mut all: Vec<_> = SIGNALS
            .iter()
            .map(|(_, words)| *words)
            .zip(self.worth)
            .collect();
        all.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        all
    }
}

/// The weights that are shipped; the file says what they were learned from.
pub fn shipped() -> Weights {
    #[derive(Deserialize)]
    struct Shipped {
        weights: Weights,
    }
    let file = include_str!("weights.json");
    match serde_json::from_str::<Shipped>(file) {
        Ok(shipped) => shipped.weights,
        Err(error) => unreachable!("src/ranker/weights.json: {error}"),
    }
}
