//! Learning to rank threads from what became of the ones that were measured for a case.

use std::collections::{HashMap, HashSet};

use super::compare::{self, Comparison, Figure, UNSEEN_MIN};
use super::{Learned, Trained};
use crate::clock::{DAY, Moment};
use crate::error::{Error, Result};
use crate::escalations::store::site_models::DecidedCase;
use crate::keys;
use crate::ranker::fit::{Example, fit, judged};
use crate::ranker::{COUNT, Weights};

/// Cases that are learned from: the newest.
pub const CASES_MAX: usize = 3_000;
/// Cases in which a thread was confirmed that must be there.
pub const CONFIRMED_MIN: usize = 50;
/// A link that a rule made counts as confirmed when nobody took it back for so long (µs).
pub const STANDS_AFTER: i64 = 7 * DAY;
/// Cases of one customer that are learned from.
const OF_ONE_CUSTOMER: usize = 3;
/// How firmly the weights are held to the shipped ones: what a squared distance of one standard
/// deviation costs beside the mean loss of a case. Ten times what the shipped ones were learned with:
/// a site has fewer cases, and none of what it never saw.
const RIDGE: f64 = 0.03;
/// Cases with one confirmed thread that are learned from: an outage is one lesson, not a thousand.
const OF_ONE_THREAD: usize = 20;
/// Parts by which the new weights are measured on what they were not trained on.
const FOLDS: usize = 5;

/// The cases that are learned from, the oldest first, of those given with the newest first: those that were
/// measured as `shipped` measures, with a sentence model or without; few of one customer and of one
/// thread, and what was measured the same once.
pub fn chosen(cases: Vec<DecidedCase>, shipped: &Weights) -> Vec<DecidedCase> {
    let mut customers: HashMap<i64, usize> = HashMap::new();
    let mut threads: HashMap<i64, usize> = HashMap::new();
    let mut measured: HashSet<String> = HashSet::new();
    let mut chosen: Vec<DecidedCase> = cases
        .into_iter()
        .filter(|case| case.is_meant() == shipped.knows_meaning())
        .filter(|case| {
            let of_customer = customers.entry(case.customer).or_default();
            let of_thread = threads.entry(case.thread).or_default();
            let is_many = case.customer != 0 && *of_customer >= OF_ONE_CUSTOMER
                || *of_thread >= OF_ONE_THREAD
                || !measured.insert(format!("{:?}", case.candidates));
            if !is_many {
                *of_customer += 1;
                *of_thread += 1;
            }
            !is_many
        })
        .take(CASES_MAX)
        .collect();
    chosen.reverse();
    chosen
}

/// What is missing before anything can be learned; `None` when there is enough.
pub fn missing(cases: &[DecidedCase]) -> Option<Learned> {
    let confirmed = cases.iter().filter(|case| case.has_right()).count();
    (confirmed < CONFIRMED_MIN).then(|| Learned::TooFew {
        missing: CONFIRMED_MIN - confirmed,
        of: "cases whose thread was confirmed".to_owned(),
    })
}

/// What weights mean is told by the shipped ones they were trained from.
pub fn base(shipped: &Weights) -> Result<String> {
    Ok(keys::digest(&shipped.to_json()?))
}

/// Trains on `cases`, oldest first, and compares with what is in use: on the cases after
/// that one's `seen_up_to` when it is a site's own, which was trained on those before.
pub fn learn(
    cases: &[DecidedCase],
    shipped: &Weights,
    in_use: Option<(&Weights, i64)>,
    tried_up_to: i64,
    is_known: &dyn Fn(&str) -> bool,
) -> Result<std::result::Result<Trained, Learned>> {
    if let Some(learned) = missing(cases) {
        return Ok(Err(learned));
    }
    let (before, seen) = in_use.unwrap_or((shipped, i64::MIN));
    let unseen: Vec<&DecidedCase> = cases.iter().filter(|case| case.id.0 > seen).collect();
    let is_new = |case: &&DecidedCase| case.id.0 > tried_up_to && case.has_right();
    let new = cases.iter().filter(is_new).count();
    if new < UNSEEN_MIN {
        return Ok(Err(Learned::TooFew {
            missing: UNSEEN_MIN - new,
            of: "cases whose thread was confirmed since it last learned".to_owned(),
        }));
    }
    let digest = digest(cases)?;
    if is_known(&digest) {
        return Ok(Err(Learned::Nothing));
    }
    let examples: Vec<Example> = cases.iter().map(DecidedCase::example).collect();
    let learned = fit(&examples, shipped, RIDGE, &varies(&examples));
    let mut rows = Vec::with_capacity(unseen.len());
    for fold in 0..FOLDS {
        // What was linked to one thread stays together: it is much alike.
        let of = |case: &DecidedCase| {
            usize::try_from(case.thread.unsigned_abs()).unwrap_or_default() % FOLDS
        };
        let others: Vec<Example> = cases
            .iter()
            .zip(&examples)
            .filter(|(case, _)| of(case) != fold)
            .map(|(_, example)| example.clone())
            .collect();
        let trained = fit(&others, shipped, RIDGE, &varies(&others));
        for case in unseen.iter().filter(|case| of(case) == fold) {
            let example = case.example();
            rows.push((measure(&example, before), measure(&example, &trained)));
        }
    }
    let weights = learned.to_json()?;
    Ok(Ok(Trained {
        digest,
        base: base(shipped)?,
        examples: cases.len(),
        comparison: comparison(&rows, cases.last().map_or(0, |case| case.id.0)),
        weights,
    }))
}

/// What never differs between the threads of this site tells nothing: it keeps its shipped weight.
fn varies(examples: &[Example]) -> [bool; COUNT] {
    let mut varies = [false; COUNT];
    for example in examples {
        for pair in example.candidates.windows(2) {
            for (n, varies) in varies.iter_mut().enumerate() {
                *varies |= pair[0].0[n] != pair[1].0[n];
            }
        }
    }
    varies
}

/// How weights did on one case.
struct Measure {
    /// The mean logarithmic loss of the best candidates' probabilities.
    loss: f64,
    /// One over the place of the first right thread; `None` where none was right.
    reciprocal: Option<f64>,
}

fn measure(example: &Example, weights: &Weights) -> Measure {
    let best = judged(example, weights);
    let losses: Vec<f64> = best
        .iter()
        .map(|(signals, lead, right)| compare::loss(weights.p_link(signals, *lead), *right))
        .collect();
    let has_right = example.candidates.iter().any(|c| c.1);
    let place = best.iter().position(|(_, _, right)| *right);
    #[expect(clippy::cast_precision_loss, reason = "a place in a short list")]
    let reciprocal = place.map_or(0.0, |place| 1.0 / (place + 1) as f64);
    Measure {
        loss: compare::mean(&losses),
        reciprocal: has_right.then_some(reciprocal),
    }
}

fn comparison(rows: &[(Measure, Measure)], seen_up_to: i64) -> Comparison {
    let before: Vec<f64> = rows.iter().map(|row| row.0.loss).collect();
    let after: Vec<f64> = rows.iter().map(|row| row.1.loss).collect();
    let places = |of: fn(&(Measure, Measure)) -> Option<f64>| -> Vec<f64> {
        rows.iter().filter_map(of).collect()
    };
    let old = places(|row| row.0.reciprocal);
    let new = places(|row| row.1.reciprocal);
    let first = |of: &[f64]| {
        let firsts: Vec<f64> = of.iter().map(|r| f64::from(u8::from(*r == 1.0))).collect();
        compare::mean(&firsts)
    };
    let figure = |name: &str, before: f64, after: f64| Figure {
        name: name.to_owned(),
        before,
        after,
    };
    Comparison {
        judged: rows.len(),
        is_better: compare::fell(&before, &after) && compare::mean(&new) >= compare::mean(&old),
        figures: vec![
            figure("the right thread first", first(&old), first(&new)),
            figure("MRR", compare::mean(&old), compare::mean(&new)),
            figure("loss", compare::mean(&before), compare::mean(&after)),
        ],
        seen_up_to,
    }
}

/// SHA-256 of what is learned from.
fn digest(cases: &[DecidedCase]) -> Result<String> {
    let told: Vec<_> = cases
        .iter()
        .map(|case| (case.id.0, &case.candidates))
        .collect();
    let bytes = serde_json::to_vec(&told).map_err(Error::other)?;
    Ok(keys::digest(&bytes))
}

/// Whether a confirmed link is taken for right.
pub fn is_right(by_person: bool, decided_at: Moment, now: Moment) -> bool {
    by_person || now.since(decided_at) >= STANDS_AFTER
}
