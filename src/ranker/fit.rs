//! Learning weights from links that were confirmed and rejected.
//!
//! The weights are those under which the right threads of each text get the largest share of
//! `exp(score)` among its candidates (ListNet's top-one likelihood; Cao et al., 2007), held near a
//! given model by a ridge, so that few examples change little. Then a logistic regression turns score
//! and lead into a probability (Platt, 1999).

use super::signals::{COUNT, Signals};
use super::weights::{LEAD_MAX, Weights};

/// Steps of each descent; both have settled long before on what we have (measured).
const STEPS: usize = 400;
/// Size of a step (Adam; Kingma and Ba, 2015).
const RATE: f64 = 0.05;
/// How many candidates of each text the probability is learned from, the best.
const JUDGED: usize = 5;

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

/// The best candidates of a text with score, lead and whether they are right.
pub fn judged(example: &Example, weights: &Weights) -> Vec<(f64, f64, bool)> {
    let mut scored: Vec<(f64, bool)> = example
        .candidates
        .iter()
        .map(|(signals, right)| (weights.score(signals), *right))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = scored.first().map_or(0.0, |s| s.0);
    let second = scored.get(1).map_or(best - LEAD_MAX, |s| s.0);
    scored
        .iter()
        .take(JUDGED)
        .enumerate()
        .map(|(n, (score, right))| {
            let beside = if n == 0 { second } else { best };
            (*score, (score - beside).clamp(-LEAD_MAX, LEAD_MAX), *right)
        })
        .collect()
}

/// Learns how score and lead become a probability.
pub fn calibrate(examples: &[Example], weights: &mut Weights) {
    let all: Vec<(f64, f64, bool)> = examples.iter().flat_map(|e| judged(e, weights)).collect();
    if !all.iter().any(|c| c.2) || all.iter().all(|c| c.2) {
        return;
    }
    let count = all.len() as f64;
    let mean = all.iter().map(|c| c.0).sum::<f64>() / count;
    let (mut base, mut slope, mut lead_slope) = (0.0, 1.0, 0.3);
    let mut adam = Adam::<3>::default();
    for _ in 0..STEPS * 2 {
        let mut found = [0.0; 3];
        for (score, lead, right) in &all {
            let odds: f64 = base + slope * (score - mean) + lead_slope * lead;
            let miss = 1.0 / (1.0 + (-odds).exp()) - f64::from(u8::from(*right));
            found[0] += miss / count;
            found[1] += miss * (score - mean) / count;
            found[2] += miss * lead / count;
        }
        let step = adam.step(&found);
        base -= step[0];
        // A better thread is never less likely.
        slope = f64::max(slope - step[1], 0.01);
        lead_slope = f64::max(lead_slope - step[2], 0.0);
    }
    weights.base = base - slope * mean;
    weights.slope = slope;
    weights.lead_slope = lead_slope;
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
        assert!(right[0].2 && learned.p_link(right[0].0, right[0].1) > 0.8);
        assert!(learned.p_link(right[1].0, right[1].1) < 0.2);
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
