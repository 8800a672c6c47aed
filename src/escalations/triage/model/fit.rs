//! Fitting weights: limited-memory BFGS (Liu and Nocedal 1989) on the penalised logistic loss.

use super::arithmetic::{logistic, loss};

/// Rounds at most; with 2,000 posts it stands still after some forty.
const ROUNDS_MAX: usize = 80;
/// Steps that the direction is made of.
const MEMORY: usize = 8;
/// Halvings of a step that does not lead down.
const HALVINGS_MAX: usize = 30;
/// It stands still when a round lowers the loss by a smaller share than this.
const SHARE_MIN: f64 = 1e-6;
/// Of the slope, what a step must reach at least (Armijo).
const ENOUGH: f64 = 1e-4;

/// One post: its features, weighted, and what it is.
pub struct Row {
    pub features: Vec<(u32, f32)>,
    pub is_complaint: bool,
    /// What it counts, 0 to 1.
    pub weight: f64,
    /// Rows of one group are in one fold.
    pub group: usize,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], share: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += share * what;
    }
}

/// The score of a row.
pub fn score(weights: &[f64], features: &[(u32, f32)]) -> f64 {
    let terms = features
        .iter()
        .map(|(at, x)| weights[*at as usize] * f64::from(*x));
    terms.sum()
}

/// The loss at the weights, and its gradient. `held[n]`: how firmly weight n is held to `prior`.
fn loss_at(rows: &[&Row], prior: &[f64], hold: f64, weights: &[f64], gradient: &mut [f64]) -> f64 {
    let mut total = 0.0;
    for ((slope, weight), prior) in gradient.iter_mut().zip(weights).zip(prior) {
        let away = weight - prior;
        *slope = hold * away;
        total += 0.5 * hold * away * away;
    }
    for row in rows {
        let sign = if row.is_complaint { 1.0 } else { -1.0 };
        let margin = sign * score(weights, &row.features);
        total += row.weight * loss(margin);
        let pull = -sign * row.weight * (1.0 - logistic(margin));
        for (at, x) in &row.features {
            gradient[*at as usize] += pull * f64::from(*x);
        }
    }
    total
}

/// The weights that judge the rows best while they stay near `prior`. `hold`: how firmly they are
/// held to it (the inverse of scikit-learn's C). The same rows in the same order give the same weights.
pub fn fit(rows: &[&Row], prior: &[f64], hold: f64) -> Vec<f64> {
    let mut weights = prior.to_vec();
    let mut gradient = vec![0.0; prior.len()];
    let mut now = loss_at(rows, prior, hold, &weights, &mut gradient);
    let mut memory: Vec<(Vec<f64>, Vec<f64>, f64)> = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let direction = direction(&gradient, &memory);
        let slope = dot(&gradient, &direction);
        if slope >= 0.0 {
            break;
        }
        let mut step = if memory.is_empty() {
            1.0 / dot(&gradient, &gradient).sqrt()
        } else {
            1.0
        };
        let mut taken = None;
        for _ in 0..HALVINGS_MAX {
            let mut there = weights.clone();
            add(&mut there, step, &direction);
            let mut gradient_there = vec![0.0; there.len()];
            let loss = loss_at(rows, prior, hold, &there, &mut gradient_there);
            if loss <= now + ENOUGH * step * slope {
                taken = Some((there, gradient_there, loss));
                break;
            }
            step *= 0.5;
        }
        let Some((there, gradient_there, loss)) = taken else {
            break;
        };
        let moved: Vec<f64> = there.iter().zip(&weights).map(|(a, b)| a - b).collect();
        let bent: Vec<f64> = gradient_there
            .iter()
            .zip(&gradient)
            .map(|(a, b)| a - b)
            .collect();
        let curvature = dot(&moved, &bent);
        if curvature > 0.0 {
            memory.push((moved, bent, 1.0 / curvature));
            if memory.len() > MEMORY {
                memory.remove(0);
            }
        }
        let is_still = now - loss < SHARE_MIN * now;
        (weights, gradient, now) = (there, gradient_there, loss);
        if is_still {
            break;
        }
    }
    weights
}

/// Where to go: the gradient, straightened by what the last steps showed of the curvature.
fn direction(gradient: &[f64], memory: &[(Vec<f64>, Vec<f64>, f64)]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut shares = Vec::with_capacity(memory.len());
    for (moved, bent, inverse) in memory.iter().rev() {
        let share = inverse * dot(moved, &direction);
        add(&mut direction, -share, bent);
        shares.push(share);
    }
    if let Some((_, bent, inverse)) = memory.last() {
        let scale = 1.0 / (inverse * dot(bent, bent));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for ((moved, bent, inverse), share) in memory.iter().zip(shares.iter().rev()) {
        let back = inverse * dot(bent, &direction);
        add(&mut direction, share - back, moved);
    }
    direction
}

/// The line from scores to log odds under which the judgements of rows that were not trained on are
/// most likely (Platt 1999, with his smoothed targets; Newton's method as Lin, Lin and Weng 2007).
pub fn calibrate(scored: &[(f64, bool)]) -> (f64, f64) {
    /// Rounds of Newton's method; it needs less than ten.
    const ROUNDS: usize = 50;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
    let count = |label: bool| scored.iter().filter(|(_, l)| *l == label).count() as f64;
    let (yes, no) = (count(true), count(false));
    if yes < 1.0 || no < 1.0 {
        return (1.0, 0.0);
    }
    let (high, low) = ((yes + 1.0) / (yes + 2.0), 1.0 / (no + 2.0));
    let (mut slope, mut intercept) = (1.0, 0.0);
    for _ in 0..ROUNDS {
        // A little curvature always, so that scores that don't differ can be divided by it.
        let (mut da, mut db, mut aa, mut ab, mut bb) = (0.0, 0.0, 1e-6, 0.0, 1e-6);
        for (score, label) in scored {
            let p = logistic(slope * score + intercept);
            let wrong = p - if *label { high } else { low };
            let spread = p * (1.0 - p);
            da += wrong * score;
            db += wrong;
            aa += spread * score * score;
            ab += spread * score;
            bb += spread;
        }
        let determinant = aa * bb - ab * ab;
        if determinant <= 0.0 {
            break;
        }
        let (by_slope, by_intercept) = (
            (bb * da - ab * db) / determinant,
            (aa * db - ab * da) / determinant,
        );
        slope -= by_slope.clamp(-1.0, 1.0);
        intercept -= by_intercept.clamp(-1.0, 1.0);
        if by_slope.abs() + by_intercept.abs() < 1e-9 {
            break;
        }
    }
    // Where the scores say nothing, or the opposite, calibration must not turn them round.
    (slope.clamp(0.05, 5.0), intercept.clamp(-5.0, 5.0))
}
