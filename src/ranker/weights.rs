//! What each signal is worth: one number each, learned, to be read by anybody.

use serde::{Deserialize, Serialize};

use super::signals::{COUNT, LINKED_EVER, MEANING, SIGNALS, Signals, agree};
use crate::error::{Error, Result};

/// A model: weights of the signals, and how a score becomes a probability.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights {
    /// In the order of [`SIGNALS`].
    pub worth: [f64; COUNT],
    /// `p = σ(base + score × slope + lead × lead_slope + agree × agree_slope + meaning × meaning_slope +
    /// linked × linked_slope)`.
    pub base: f64,
    pub slope: f64,
    pub lead_slope: f64,
    /// What it is worth that words and sentence model hold the same thread for the first.
    #[serde(default)]
    pub agree_slope: f64,
    /// What closeness in meaning (cosine) is worth beyond the score.
    #[serde(default)]
    pub meaning_slope: f64,
    /// What it is worth beyond the score that it was ever linked before.
    #[serde(default)]
    pub linked_slope: f64,
}

/// How far a lead over the next candidate counts (score).
pub const LEAD_MAX: f64 = 3.0;

impl Weights {
    /// The score of a thread: comparable within one answer.
    pub fn score(&self, signals: &Signals) -> f64 {
        self.worth.iter().zip(signals).map(|(w, s)| w * s).sum()
    }

    /// The probability that a reader would accept the link to a thread with these signals. `lead` is
    /// its score less that of the best other candidate.
    pub fn p_link(&self, signals: &Signals, lead: f64) -> f64 {
        let odds = self.base
            + self.slope * self.score(signals)
            + self.lead_slope * lead.clamp(-LEAD_MAX, LEAD_MAX)
            + self.agree_slope * f64::from(u8::from(agree(signals)))
            + self.meaning_slope * signals[MEANING.start]
            + self.linked_slope * signals[LINKED_EVER];
        1.0 / (1.0 + (-odds).exp())
    }

    /// Whether they were learned with a sentence model.
    pub fn knows_meaning(&self) -> bool {
        self.worth[MEANING].iter().any(|worth| *worth != 0.0)
    }

    /// As they are stored.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::other)
    }

    /// Reads what [`Weights::to_json`] wrote; those of a version with other signals are refused.
    pub fn from_json(bytes: &[u8]) -> Result<Weights> {
        let weights: Weights = serde_json::from_slice(bytes).map_err(Error::other)?;
        let numbers = [
            weights.base,
            weights.slope,
            weights.lead_slope,
            weights.agree_slope,
            weights.meaning_slope,
            weights.linked_slope,
        ];
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

/// The weights that are shipped for words alone; the file says what they were learned from.
pub fn shipped() -> Weights {
    read("weights.json", include_str!("weights.json"))
}

/// The weights that are shipped for words and a sentence model.
pub fn shipped_with_model() -> Weights {
    read(
        "weights_with_model.json",
        include_str!("weights_with_model.json"),
    )
}

/// Those of the two that are in use with a sentence model, or without.
pub fn shipped_for(has_model: bool) -> Weights {
    if has_model {
        shipped_with_model()
    } else {
        shipped()
    }
}

fn read(name: &str, file: &str) -> Weights {
    #[derive(Deserialize)]
    struct Shipped {
        weights: Weights,
    }
    match serde_json::from_str::<Shipped>(file) {
        Ok(shipped) => shipped.weights,
        Err(error) => unreachable!("src/ranker/{name}: {error}"),
    }
}
