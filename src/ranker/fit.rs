//! Learning weights from links that were confirmed and rejected.
//!
//! The weights are those under which the right threads of each text get the largest share of
//! `exp(score)` among its candidates (ListNet's top-one likelihood; Cao et al., 2007), held near a
//! given model by a ridge, so that few examples change little. Then a logistic regression turns score
//! and lead into a probability (Platt, 1999).

use super::signals::{COUNT, IN_COMMON, LINKED_EVER, MEANING, Signals, agree};
use super::weights::{LEAD_MAX, Weights};

/// Steps of each descent; both have settled long before on what we have (measured).
const STEPS: usize = 400;
/// Size of a step (Adam; Kingma and Ba, 2015).
const RATE: f64 = 0.05;
/// How many candidates of each text the probability is learned from, the best.
const JUDGED: usize = 5;

/// What closeness in meaning (cosine) is worth in the log odds beyond the score, and what it is worth
/// that a thread was linked often: helpers link the thread that everybody links, also where a reader is
/// not helped by it. Chosen so that of 113 links that were read most were right (docs/linking.md).
const MEANING_SLOPE: f64 = 3.0;
const LINKED_SLOPE: f64 = -0.1;
/// What is added to the log odds because readers accept many links that no helper set: with it a
/// probability means as much with a sentence model as without.
const UNLINKED: f64 = 0.08;

/// The candidates of one text, and which are right.
#[derive(Clone, Debug, Default)]
pub struct Example {
    pub candidates: Vec<(Signals, bool)>,
}

/// Learns from `examples`, beginning at `from` and staying near it: `ridge` is what a squared
/// distance of one standard deviation costs. Signals where `is_learned` is false keep their weight.
pub fn fit(
    examples: &[Example],
    from: &Weights,
    ridge: f64,
    is_learned: &[bool; COUNT],
) -> Weights {
    let deviations = deviations(examples);
    let told: Vec<&Example> = examples
        .iter()
        .filter(|e| e.candidates.iter().any(|c| c.1) && e.candidates.iter().any(|c| !c.1))
        .collect();
    let mut learned = from.clone();
    let mut adam = Adam::<COUNT>::default();
    for _ in 0..STEPS {
        let mut slope = [0.0; COUNT];
        for example in &told {
            add_slope(example, &learned, &mut slope);
        }
        for n in 0..COUNT {
            // In units of a standard deviation, so that one rate fits all.
            let distance = (learned.worth[n] - from.worth[n]) * deviations[n];
            slope[n] = slope[n] * deviations[n] / told.len().max(1) as f64 + ridge * distance;
            if !is_learned[n] {
                slope[n] = 0.0;
            }
        }
        let step = adam.step(&slope);
        for n in 0..COUNT {
            if is_learned[n] && deviations[n] > 0.0 {
                learned.worth[n] -= step[n] / deviations[n];
            }
            // Words in common never count against a thread.
            if IN_COMMON.contains(&n) {
                learned.worth[n] = learned.worth[n].max(0.0);
            }
        }
    }
    calibrate(examples, &mut learned);
    learned
}

/// Adds the derivative of one text's loss: what is expected less what is right.
fn add_slope(example: &Example, weights: &Weights, slope: &mut [f64; COUNT]) {
    let scores: Vec<f64> = example
        .candidates
        .iter()
        .map(|(signals, _)| weights.score(signals))
        .collect();
    let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.iter().map(|s| (s - best).exp()).sum();
    let right = example.candidates.iter().filter(|c| c.1).count() as f64;
    for ((signals, is_right), score) in example.candidates.iter().zip(&scores) {
        let share = (score - best).exp() / total;
        let wanted = f64::from(u8::from(*is_right)) / right;
        for (slope, signal) in slope.iter_mut().zip(signals) {
            *slope += (share - wanted) * signal;
        }
    }
}

fn deviations(examples: &[Example]) -> [f64; COUNT] {
    let all = || {
        examples
            .iter()
            .flat_map(|e| e.candidates.iter().map(|c| &c.0))
    };
    let count = all().count().max(1) as f64;
    let mut found = [0.0; COUNT];
    for n in 0..COUNT {
        let mean = all().map(|s| s[n]).sum::<f64>() / count;
        let variance = all().map(|s| (s[n] - mean).powi(2)).sum::<f64>() / count;
        found[n] = variance.sqrt();
    }
    found
}

/// A candidate as its probability is learned: its signals, its lead, and whether it is right.
pub type Judged = (Signals, f64, bool);

/// The best candidates of a text.
pub fn judged(example: &Example, weights: &Weights) -> Vec<Judged> {
    let mut scored: Vec<(f64, &(Signals, bool))> = example
        .candidates
        .iter()
        .map(|candidate| (weights.score(&candidate.0), candidate))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |s| s.0);
    let second = scored.get(1).map_or(best - LEAD_MAX, |s| s.0);
    scored
        .iter()
        .take(JUDGED)
        .enumerate()
        .map(|(n, (score, (signals, right)))| {
            let beside = if n == 0 { second } else { best };
            (*signals, score - beside, *right)
        })
        .collect()
}

/// Learns how a candidate becomes a probability. With a sentence model what [`MEANING_SLOPE`] and its
/// neighbours say is given, and the rest is learned beside it.
pub fn calibrate(examples: &[Example], weights: &mut Weights) {
    let all: Vec<Judged> = examples.iter().flat_map(|e| judged(e, weights)).collect();
    if !all.iter().any(|c| c.2) || all.iter().all(|c| c.2) {
        return;
    }
    let knows = weights.knows_meaning();
    let given = |worth: f64| if knows { worth } else { 0.0 };
    weights.meaning_slope = given(MEANING_SLOPE);
    weights.linked_slope = given(LINKED_SLOPE);
    let count = all.len() as f64;
    let mean = all.iter().map(|c| weights.score(&c.0)).sum::<f64>() / count;
    let mut learned = [0.0, 1.0, 0.3, 0.0];
    let mut adam = Adam::<4>::default();
    for _ in 0..STEPS * 2 {
        let mut slope = [0.0; 4];
        for (signals, lead, right) in &all {
            let features = [
                1.0,
                weights.score(signals) - mean,
                lead.clamp(-LEAD_MAX, LEAD_MAX),
                f64::from(u8::from(agree(signals))),
            ];
            let beside = weights.meaning_slope * signals[MEANING.start]
                + weights.linked_slope * signals[LINKED_EVER];
            let odds: f64 = learned.iter().zip(features).map(|(w, f)| w * f).sum();
            let miss = 1.0 / (1.0 + (-odds - beside).exp()) - f64::from(u8::from(*right));
            for (slope, feature) in slope.iter_mut().zip(features) {
                *slope += miss * feature / count;
            }
        }
        for (learned, step) in learned.iter_mut().zip(adam.step(&slope)) {
            *learned -= step;
        }
        // A better thread is never less likely.
        learned[1] = f64::max(learned[1], 0.01);
        learned[2] = f64::max(learned[2], 0.0);
        learned[3] = f64::max(learned[3], 0.0);
    }
    let [base, slope, lead_slope, agree_slope] = learned;
    weights.base = base - slope * mean + given(UNLINKED);
    weights.slope = slope;
    weights.lead_slope = lead_slope;
    weights.agree_slope = agree_slope;
}

/// Steps that fit each dimension.
struct Adam<const N: usize> {
    mean: [f64; N],
    square: [f64; N],
    steps: i32,
}

impl<const N: usize> Default for Adam<N> {
    fn default() -> Self {
        Adam {
            mean: [0.0; N],
            square: [0.0; N],
            steps: 0,
        }
    }
}

impl<const N: usize> Adam<N> {
    fn step(&mut self, slope: &[f64; N]) -> [f64; N] {
        self.steps += 1;
        let mut step = [0.0; N];
        for n in 0..N {
            self.mean[n] = 0.9 * self.mean[n] + 0.1 * slope[n];
            self.square[n] = 0.99 * self.square[n] + 0.01 * slope[n] * slope[n];
            let mean = self.mean[n] / (1.0 - 0.9f64.powi(self.steps));
            let square = self.square[n] / (1.0 - 0.99f64.powi(self.steps));
            step[n] = RATE * mean / (square.sqrt() + 1e-8);
        }
        step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat() -> Weights {
        Weights {
            worth: [0.0; COUNT],
            base: 0.0,
            slope: 1.0,
            lead_slope: 0.0,
            agree_slope: 0.0,
            meaning_slope: 0.0,
            linked_slope: 0.0,
        }
    }

    /// Ten candidates; the one with the largest first signal is right.
    fn examples(count: usize) -> Vec<Example> {
        (0..count)
            .map(|n| Example {
                candidates: (0..10)
                    .map(|m| {
                        let mut signals = [0.0; COUNT];
                        signals[0] = f64::from((n as i32 * 7 + m * 3) % 10);
                        signals[1] = f64::from((n as i32 * 3 + m) % 4);
                        (signals, signals[0] > 8.5)
                    })
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn what_tells_the_right_one_gets_the_weight() {
        let learned = fit(&examples(40), &flat(), 0.003, &[true; COUNT]);
        assert!(
            learned.worth[0] > 3.0 * learned.worth[1].abs(),
            "{learned:?}"
        );
        let right = judged(&examples(1)[0], &learned);
        assert!(right[0].2 && learned.p_link(&right[0].0, right[0].1) > 0.8);
        assert!(learned.p_link(&right[1].0, right[1].1) < 0.2);
    }

    #[test]
    fn a_strong_ridge_and_a_closed_signal_keep_what_was() {
        let near = fit(&examples(40), &flat(), 1_000.0, &[true; COUNT]);
        assert!(near.worth[0].abs() < 0.05, "{near:?}");
        let mut open = [true; COUNT];
        open[0] = false;
        assert_eq!(fit(&examples(40), &flat(), 0.01, &open).worth[0], 0.0);
    }
}
