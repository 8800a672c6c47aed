//! How surprising it is that so many people write about the same thing now, given how many usually do.
//!
//! Counts of rare things are small, and the usual rate is itself known from few counts. So it is not
//! taken as known: it has a Gamma distribution, which the same hours of past weeks narrow down, and the
//! count to come is negative binomial (Gelman et al., Bayesian Data Analysis, 3rd ed., 2.6).

use crate::clock::HOUR;

/// What is taken for granted before anything was watched: two people an hour, as if an hour had been
/// watched. A site that began yesterday needs about a dozen people in a quarter of an hour; one on
/// which nobody wrote of it at this time for four weeks needs five.
const PRIOR_AUTHORS: f64 = 2.0;
const PRIOR_HOURS: f64 = 1.0;

/// What is usual.
#[derive(Clone, Copy, Debug)]
pub struct Usual {
    /// People who wrote of it in the time watched; each counts once a week.
    pub authors: f64,
    /// Time watched (hours).
    pub hours: f64,
    /// How much more than usual everybody writes now, at least 1: on a loud day nothing is a spike
    /// that only grew with the rest.
    pub loudness: f64,
}

impl Usual {
    /// People expected in a span (µs).
    pub fn expected(&self, span: i64) -> f64 {
        let (shape, hours) = self.rate();
        shape / hours * hours_of(span) * self.loudness
    }

    /// The natural logarithm of the chance that `count` people or more write in a span (µs); 0 where
    /// that is nothing unusual.
    pub fn ln_chance(&self, count: usize, span: i64) -> f64 {
        let (shape, hours) = self.rate();
        let scale = hours_of(span) * self.loudness;
        let p = hours / (hours + scale);
        ln_upper_tail(shape, p, count)
    }

    /// The shape and rate (hours) of what is believed of the number of people an hour.
    fn rate(&self) -> (f64, f64) {
        (PRIOR_AUTHORS + self.authors, PRIOR_HOURS + self.hours)
    }
}

fn hours_of(span: i64) -> f64 {
    span as f64 / HOUR as f64
}

/// ln P(X >= count) of a negative binomial count with this shape and success probability `p`; 0 for a
/// count at or below its mean.
fn ln_upper_tail(shape: f64, p: f64, count: usize) -> f64 {
    let q = 1.0 - p;
    let mean = shape * q / p;
    if count as f64 <= mean {
        return 0.0;
    }
    // P(X = k+1) = P(X = k) q (shape + k) / (k + 1).
    let mut ln_one = shape * p.ln();
    for k in 0..count {
        ln_one += (q * (shape + k as f64) / (k as f64 + 1.0)).ln();
    }
    let (mut sum, mut term, mut k) = (1.0, 1.0, count as f64);
    loop {
        term *= q * (shape + k) / (k + 1.0);
        sum += term;
        k += 1.0;
        if term < sum * 1e-9 {
            return (ln_one + sum.ln()).min(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MINUTE;

    const QUIET: Usual = Usual {
        authors: 0.0,
        hours: 12.0,
        loudness: 1.0,
    };

    #[test]
    fn the_tail_is_the_sum_of_what_lies_beyond() {
        // Shape 1 is geometric: P(X >= k) = q^k.
        for k in [1_usize, 5, 40] {
            let tail = ln_upper_tail(1.0, 0.75, k);
            assert!(
                (tail - 0.25_f64.ln() * k as f64).abs() < 1e-6,
                "{k}: {tail}"
            );
        }
        assert_eq!(ln_upper_tail(10.0, 0.5, 10), 0.0);
    }

    #[test]
    fn few_are_a_surprise_only_where_it_is_usually_quiet() {
        let chance = |usual: Usual, count| usual.ln_chance(count, 15 * MINUTE) / 10_f64.ln();
        let unwatched = Usual {
            hours: 0.0,
            ..QUIET
        };
        let busy = Usual {
            authors: 120.0,
            ..QUIET
        };
        assert!(chance(QUIET, 5) < -7.0, "{}", chance(QUIET, 5));
        assert!(chance(unwatched, 5) > -4.0, "{}", chance(unwatched, 5));
        assert!(chance(busy, 5) > -2.0, "{}", chance(busy, 5));
        let loud = Usual {
            loudness: 10.0,
            ..QUIET
        };
        assert!(chance(loud, 5) > chance(QUIET, 5) + 3.0);
        assert!((busy.expected(HOUR) - 122.0 / 13.0).abs() < 1e-9);
    }
}
