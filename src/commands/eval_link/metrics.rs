//! What is measured of ranked lists. Recall counts the right ones found among all right ones; MRR and
//! nDCG look at the first ten (binary gains; Järvelin and Kekäläinen, 2002); the calibration error is
//! that of ten equal bins of the first one's probability (ECE; Guo et al., 2017).

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// Places of a list that are looked at.
pub const DEPTH: usize = 10;
const BINS: usize = 10;

/// One query's list: for each place whether it is right, how many would be, and the first one's
/// probability.
#[derive(Clone, Debug, Default)]
pub struct Ranked {
    pub hits: Vec<bool>,
    pub right: usize,
    pub p_first: Option<f64>,
}

/// Sums over queries.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    queries: usize,
    recall: [f64; 3],
    mrr: f64,
    ndcg: f64,
    bins: [(f64, f64, f64); BINS],
    judged: f64,
}

impl Metrics {
    pub fn add(&mut self, ranked: &Ranked) {
        let count = |k: usize| ranked.hits.iter().take(k).filter(|h| **h).count() as f64;
        if ranked.right > 0 {
            self.queries += 1;
            for (sum, k) in self.recall.iter_mut().zip([1, 5, DEPTH]) {
                *sum += count(k) / ranked.right as f64;
            }
            let first = ranked.hits.iter().take(DEPTH).position(|h| *h);
            self.mrr += first.map_or(0.0, |place| 1.0 / (place as f64 + 1.0));
            let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
            let hits = ranked.hits.iter().take(DEPTH).enumerate();
            let gained: f64 = hits.filter(|(_, h)| **h).map(|(n, _)| gain(n)).sum();
            let ideal: f64 = (0..ranked.right.min(DEPTH)).map(gain).sum();
            self.ndcg += gained / ideal;
        }
        if let Some(p) = ranked.p_first {
            let bin = ((p * BINS as f64) as usize).min(BINS - 1);
            let hit = ranked.hits.first().copied().unwrap_or(false);
            self.bins[bin].0 += 1.0;
            self.bins[bin].1 += p;
            self.bins[bin].2 += f64::from(u8::from(hit));
            self.judged += 1.0;
        }
    }

    /// How many queries have a right answer.
    pub fn queries(&self) -> usize {
        self.queries
    }

    fn calibration_error(&self) -> f64 {
        let misses: f64 = self.bins.iter().map(|(_, p, hits)| (p - hits).abs()).sum();
        misses / self.judged.max(1.0)
    }

    /// The figures by name, in a fixed order.
    pub fn figures(&self) -> Vec<(&'static str, f64)> {
        let n = self.queries.max(1) as f64;
        vec![
            ("R@1", self.recall[0] / n),
            ("R@5", self.recall[1] / n),
            ("R@10", self.recall[2] / n),
            ("MRR@10", self.mrr / n),
            ("nDCG@10", self.ndcg / n),
            ("ECE", self.calibration_error()),
        ]
    }

    pub fn json(&self) -> Value {
        let mut all: BTreeMap<&str, Value> = self
            .figures()
            .into_iter()
            .map(|(name, figure)| (name, json!((figure * 10_000.0).round() / 10_000.0)))
            .collect();
        all.insert("queries", json!(self.queries));
        json!(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_the_textbook() {
        let mut metrics = Metrics::default();
        metrics.add(&Ranked {
            hits: vec![false, true, false, true],
            right: 2,
            p_first: Some(0.25),
        });
        metrics.add(&Ranked {
            hits: vec![true],
            right: 1,
            p_first: Some(0.95),
        });
        metrics.add(&Ranked::default());
        let figures: BTreeMap<_, _> = metrics.figures().into_iter().collect();
        let near = |name: &str, value: f64| assert!((figures[name] - value).abs() < 1e-3, "{name}");
        near("R@1", 0.5);
        near("R@5", 1.0);
        near("MRR@10", 0.75);
        near("nDCG@10", (0.6509 + 1.0) / 2.0);
        near("ECE", (0.25 + 0.05) / 2.0);
        assert_eq!(metrics.queries(), 2);
    }
}
