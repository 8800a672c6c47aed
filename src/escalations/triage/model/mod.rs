//! The trained part of the judgement: logistic regression over hashed n-grams and the rules' findings.
//!
//! The rules know what people mean; how much each of their findings weighs, and what words tell
//! beside them, is learned from posts that were judged by hand. A model is a few hundred kilobytes
//! of numbers: one for each bucket of word n-grams and character n-grams (the hashing trick:
//! Weinberger et al. 2009), and one for each finding and each sign of style. Training begins at a
//! model that exists and is held to it (a Gaussian prior around its weights), so that few posts of
//! one company shift it and don't replace it.

mod about;
mod arithmetic;
pub mod features;
mod file;
mod fit;
pub mod metrics;
mod signs;
pub mod train;

use std::sync::{Arc, LazyLock};

pub use about::About;
use arithmetic::logistic;
use features::{Features, GRAMS, NOWHERE, SIGNS};

/// Words named as what moved a judgement.
const MOVERS_MAX: usize = 4;
/// A word that moves the log odds by less is not named.
const MOVER_MIN: f32 = 0.08;

/// Weights that tell how likely a post is a complaint.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// One a bucket, in the order of [`Features::grams`].
    ngrams: Vec<f32>,
    /// One a finding or sign.
    signs: Vec<f32>,
    bias: f32,
    /// From the score to the log odds (Platt 1999).
    slope: f64,
    intercept: f64,
    pub about: About,
}

static SHIPPED: LazyLock<Option<Arc<Model>>> = LazyLock::new(|| {
    let model = Model::from_bytes(include_bytes!("shipped.bin"));
    model.ok().map(Arc::new)
});

/// The model that comes with the program; a test shows that it can be read.
pub fn shipped() -> Option<Arc<Model>> {
    SHIPPED.clone()
}

impl Model {
    /// One that says nothing: training without a prior begins here.
    pub fn blank() -> Model {
        Model {
            ngrams: vec![0.0; GRAMS],
            signs: vec![0.0; SIGNS],
            bias: 0.0,
            slope: 1.0,
            intercept: 0.0,
            about: About::default(),
        }
    }

    /// The score before calibration.
    pub fn score(&self, features: &Features) -> f64 {
        let grams = features.grams.iter().map(|kind| {
            let weights = kind.list.iter().map(|(at, _)| self.ngrams[*at as usize]);
            f64::from(weights.sum::<f32>() * kind.value)
        });
        let signs: f32 = self
            .signs
            .iter()
            .zip(&features.signs)
            .map(|(w, x)| w * x)
            .sum();
        f64::from(self.bias) + grams.sum::<f64>() + f64::from(signs)
    }

    /// How likely it is a complaint, 0 to 1.
    pub fn probability(&self, features: &Features) -> f64 {
        logistic(self.slope * self.score(features) + self.intercept)
    }

    /// The words that moved the judgement most, strongest first: towards complaint and away from it.
    pub fn movers<'t>(
        &self,
        features: &Features,
        tokens: &'t [String],
    ) -> (Vec<&'t str>, Vec<&'t str>) {
        let mut moved = vec![0.0_f32; tokens.len()];
        let mut add = |token: u32, by: f32| {
            if let Some(sum) = moved.get_mut(token as usize) {
                *sum += by;
            }
        };
        for kind in &features.grams {
            let placed = kind.list.iter().filter(|(_, token)| *token != NOWHERE);
            for (at, token) in placed {
                add(*token, self.ngrams[*at as usize] * kind.value);
            }
        }
        #[expect(clippy::cast_possible_truncation, reason = "a slope near one")]
        let slope = self.slope as f32;
        let mut order: Vec<(usize, f32)> = moved
            .into_iter()
            .map(|by| by * slope)
            .enumerate()
            .filter(|(at, by)| by.abs() >= MOVER_MIN && tokens[*at].chars().nth(1).is_some())
            .collect();
        order.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()).then(a.0.cmp(&b.0)));
        order.truncate(MOVERS_MAX);
        let named = |towards: bool| {
            let these = order.iter().filter(|(_, by)| (*by > 0.0) == towards);
            these.map(|(at, _)| tokens[*at].as_str()).collect()
        };
        (named(true), named(false))
    }
}
