//! Training a model from posts that people judged.

use std::collections::BTreeMap;

use super::Model;
use super::about::About;
use super::features::{Features, GRAMS, SIGNS};
pub use super::fit::Row;
use super::fit::{calibrate, fit, score};
use crate::escalations::triage::evidence::Evidence;
use crate::escalations::triage::rules::RULES;
use crate::escalations::words;
use crate::keys;

/// Folds by which the calibration sees only posts that were not trained on.
const FOLDS: usize = 5;
/// How firmly the weights are held to what they were before (the inverse of scikit-learn's C).
pub const HOLD: f64 = 0.25;
/// What the posts of one author count together: three posts.
const AUTHOR_MAX: f64 = 3.0;
/// What near-identical posts count together, however many they are.
const SAME_MAX: f64 = 1.0;

/// A post that somebody judged.
#[derive(Clone, Debug)]
pub struct Example {
    pub text: String,
    pub is_complaint: bool,
    /// It named us or answered us.
    pub addressed: bool,
    /// Who wrote it, where that is known: what one author counts is bounded.
    pub author: Option<i64>,
    /// What it was taken from. The model is calibrated on groups it was not trained on, for it will
    /// judge businesses that it has not seen.
    pub group: usize,
}

/// Examples with their features, and what each counts.
pub struct Prepared {
    pub rows: Vec<Row>,
    pub about: About,
}

/// What a model sees of a text that is judged.
pub fn features_of(text: &str, addressed: bool) -> Features {
    let evidence = Evidence::of(text, addressed);
    let findings: Vec<_> = RULES.iter().map(|rule| rule(&evidence)).collect();
    Features::of(&evidence, &findings)
}

/// What stays of a text when its numbers, order and little words are left out.
pub fn gist(text: &str) -> String {
    let evidence = Evidence::of(text, true);
    let mut tokens: Vec<&str> = evidence
        .tokens
        .iter()
        .map(String::as_str)
        .filter(|t| !t.bytes().any(|b| b.is_ascii_digit()) && !words::COMMON.has(t))
        .collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens.join(" ")
}

/// Bounds what a group of rows counts.
fn bound<K: Ord>(rows: &mut [Row], keys: &[Option<K>], most: f64) {
    let mut sums: BTreeMap<&K, f64> = BTreeMap::new();
    for (row, key) in rows.iter().zip(keys) {
        if let Some(key) = key {
            *sums.entry(key).or_default() += row.weight;
        }
    }
    for (row, key) in rows.iter_mut().zip(keys) {
        if let Some(sum) = key.as_ref().and_then(|key| sums.get(key))
            && *sum > most
        {
            row.weight *= most / sum;
        }
    }
}

/// Reads the features of examples; each counts whole.
pub fn prepare_each(examples: &[Example]) -> Vec<Row> {
    let rows = examples.iter().map(|example| Row {
        features: flat(&features_of(&example.text, example.addressed)),
        is_complaint: example.is_complaint,
        weight: 1.0,
        group: example.group,
    });
    rows.collect()
}

/// Reads the features of examples, and bounds what one author and one wording count.
pub fn prepare(examples: &[Example]) -> Prepared {
    let mut rows = prepare_each(examples);
    let gists: Vec<Option<String>> = examples.iter().map(|e| Some(gist(&e.text))).collect();
    bound(&mut rows, &gists, SAME_MAX);
    let authors: Vec<Option<i64>> = examples.iter().map(|e| e.author).collect();
    bound(&mut rows, &authors, AUTHOR_MAX);
    let count = |of: &dyn Fn(&Row) -> bool| -> usize {
        let sum: f64 = rows
            .iter()
            .filter(|row| of(row))
            .map(|row| row.weight)
            .sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let whole = sum.round() as usize;
        whole
    };
    let about = About {
        posts: count(&|_| true),
        complaints: count(&|row| row.is_complaint),
        data: digest(examples),
    };
    Prepared { rows, about }
}

/// SHA-256 of the posts with their labels, in their order.
pub fn digest(examples: &[Example]) -> String {
    let mut bytes = Vec::new();
    for example in examples {
        bytes.extend([u8::from(example.is_complaint), u8::from(example.addressed)]);
        bytes.extend_from_slice(example.text.as_bytes());
        bytes.push(b'\n');
    }
    keys::digest(&bytes)
}

/// The features as one list; the last is the bias.
fn flat(features: &Features) -> Vec<(u32, f32)> {
    let grams = features
        .grams
        .iter()
        .flat_map(|kind| kind.list.iter().map(|(at, _)| (*at, kind.value)));
    #[expect(clippy::cast_possible_truncation, reason = "some tens of thousands")]
    let signs = (GRAMS as u32..)
        .zip(features.signs.iter().copied())
        .filter(|(_, x)| *x != 0.0);
    #[expect(clippy::cast_possible_truncation, reason = "some tens of thousands")]
    let bias = ((GRAMS + SIGNS) as u32, 1.0);
    grams.chain(signs).chain([bias]).collect()
}

/// Trains on the rows, from `prior` on; calibrated on folds that were not trained on. `None` when
/// the rows are not of both kinds.
pub fn train(prepared: &Prepared, prior: &Model, hold: f64) -> Option<Model> {
    let rows: Vec<&Row> = prepared.rows.iter().collect();
    let model = train_rows(&rows, prior, hold)?;
    Some(Model {
        about: prepared.about.clone(),
        ..model
    })
}

/// The same of some rows.
pub fn train_rows(rows: &[&Row], prior: &Model, hold: f64) -> Option<Model> {
    if rows.iter().all(|r| r.is_complaint) || !rows.iter().any(|r| r.is_complaint) {
        return None;
    }
    let start: Vec<f64> = prior.all_weights();
    let mut scored = Vec::with_capacity(rows.len());
    for fold in 0..FOLDS {
        let part = |inside: bool| {
            let these = rows.iter().copied();
            these.filter(move |row| (row.group % FOLDS == fold) == inside)
        };
        let others: Vec<&Row> = part(false).collect();
        let weights = fit(&others, &start, hold);
        scored.extend(part(true).map(|row| (score(&weights, &row.features), row.is_complaint)));
    }
    let (slope, intercept) = calibrate(&scored);
    Some(Model::from_weights(
        &fit(rows, &start, hold),
        slope,
        intercept,
    ))
}

impl Model {
    /// The same, but only so sure of itself: log odds are multiplied by `temper`, 0 to 1; and raised
    /// by `lift`, for complaints are more frequent where it will judge.
    #[must_use]
    pub fn tempered(mut self, temper: f64, lift: f64) -> Model {
        self.slope *= temper;
        self.intercept = self.intercept * temper + lift;
        self
    }

    fn all_weights(&self) -> Vec<f64> {
        let all = self.ngrams.iter().chain(&self.signs).chain([&self.bias]);
        all.map(|w| f64::from(*w)).collect()
    }

    fn from_weights(weights: &[f64], slope: f64, intercept: f64) -> Model {
        #[expect(clippy::cast_possible_truncation, reason = "weights are small numbers")]
        let all: Vec<f32> = weights.iter().map(|w| *w as f32).collect();
        let (ngrams, rest) = all.split_at(GRAMS);
        let (signs, bias) = rest.split_at(SIGNS);
        Model {
            ngrams: ngrams.to_vec(),
            signs: signs.to_vec(),
            bias: bias.first().copied().unwrap_or_default(),
            slope,
            intercept,
            about: About::default(),
        }
    }

    /// The probability of a row that is prepared.
    pub fn probability_of(&self, row: &Row) -> f64 {
        let weight = |at: usize| match at.checked_sub(GRAMS) {
            None => self.ngrams[at],
            Some(sign) => self.signs.get(sign).copied().unwrap_or(self.bias),
        };
        let terms = row.features.iter();
        let score: f64 = terms
            .map(|(at, x)| f64::from(weight(*at as usize)) * f64::from(*x))
            .sum();
        super::logistic(self.slope * score + self.intercept)
    }
}
