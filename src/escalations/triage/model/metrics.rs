//! How good judgements are, in the usual measures.

use serde::Serialize;

/// Bins of equal width by which calibration is measured (Naeini, Cooper and Hauskrecht 2015).
const BINS: usize = 10;
/// The precision at which recall is told.
const PRECISION: f64 = 0.9;
/// From this probability on it is called a complaint.
const COMPLAINT_FROM: f64 = 0.5;

/// The measures of one set of judgements.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    pub rows: usize,
    pub complaints: usize,
    pub accuracy: f64,
    /// The mean of the F1 of both kinds.
    pub macro_f1: f64,
    /// How often a complaint is thought likelier one than another post is; ties count half.
    pub roc_auc: f64,
    /// Expected calibration error over ten bins.
    pub calibration_error: f64,
    /// The share of complaints above the lowest threshold where 90% of those above are complaints.
    pub recall_at_90_precision: f64,
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn float(n: usize) -> f64 {
    n as f64
}

fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

impl Metrics {
    /// Of probabilities, each with whether it is a complaint.
    pub fn of(judged: &[(f64, bool)]) -> Metrics {
        let complaints = judged.iter().filter(|(_, is)| *is).count();
        let count = |truth: bool, called: bool| {
            let these = judged
                .iter()
                .filter(|(p, is)| *is == truth && (*p >= COMPLAINT_FROM) == called);
            float(these.count())
        };
        let (found, missed) = (count(true, true), count(true, false));
        let (left, wrong) = (count(false, false), count(false, true));
        let f1 = |right: f64| share(2.0 * right, 2.0 * right + missed + wrong);
        Metrics {
            rows: judged.len(),
            complaints,
            accuracy: share(found + left, float(judged.len())),
            macro_f1: f64::midpoint(f1(found), f1(left)),
            roc_auc: roc_auc(judged, complaints),
            calibration_error: calibration_error(judged),
            recall_at_90_precision: recall(judged, complaints),
        }
    }
}

/// By the ranks of the complaints (Mann and Whitney 1947).
fn roc_auc(judged: &[(f64, bool)], complaints: usize) -> f64 {
    let mut order = judged.to_vec();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut ranks, mut before) = (0.0, 0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let middle = float(before) + float(tied.len() + 1) / 2.0;
        ranks += middle * float(tied.iter().filter(|(_, is)| *is).count());
        before += tied.len();
    }
    let (yes, no) = (float(complaints), float(judged.len() - complaints));
    share(ranks - yes * (yes + 1.0) / 2.0, yes * no)
}

fn calibration_error(judged: &[(f64, bool)]) -> f64 {
    let mut bins = [(0.0, 0.0); BINS];
    for (p, is) in judged {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 10"
        )]
        let bin = ((p * float(BINS)) as usize).min(BINS - 1);
        bins[bin].0 += p;
        bins[bin].1 += if *is { 1.0 } else { 0.0 };
    }
    let apart: f64 = bins
        .iter()
        .map(|(said, was): &(f64, f64)| (said - was).abs())
        .sum();
    share(apart, float(judged.len()))
}

fn recall(judged: &[(f64, bool)], complaints: usize) -> f64 {
    let mut order = judged.to_vec();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut above, mut best) = (0, 0, 0);
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        above += tied.len();
        found += tied.iter().filter(|(_, is)| *is).count();
        if float(found) >= PRECISION * float(above) {
            best = found;
        }
    }
    share(float(best), float(complaints))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_figures_come_out() {
        let judged = [
            (0.9, true),
            (0.8, true),
            (0.7, false),
            (0.6, true),
            (0.2, false),
            (0.1, false),
        ];
        let metrics = Metrics::of(&judged);
        assert_eq!((metrics.rows, metrics.complaints), (6, 3));
        assert!((metrics.accuracy - 5.0 / 6.0).abs() < 1e-9);
        assert!((metrics.macro_f1 - (6.0 / 7.0 + 0.8) / 2.0).abs() < 1e-9);
        assert!((metrics.roc_auc - 8.0 / 9.0).abs() < 1e-9);
        assert!((metrics.recall_at_90_precision - 2.0 / 3.0).abs() < 1e-9);
        assert!(
            (metrics.calibration_error - (0.1 + 0.2 + 0.7 + 0.4 + 0.2 + 0.1) / 6.0).abs() < 1e-9
        );
        let ties = Metrics::of(&[(0.5, true), (0.5, false)]);
        assert!((ties.roc_auc - 0.5).abs() < 1e-9);
        assert_eq!(Metrics::of(&[]).rows, 0);
    }
}
