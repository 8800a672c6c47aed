//! Exponential and logarithm by additions and multiplications alone.
//!
//! A system's mathematical library may round them differently from another's; weights that are to
//! be the same bytes wherever they are trained can't depend on it.

/// Terms of the series: enough for the last bit of a number between 0 and ln 2 / 2.
const TERMS: u32 = 16;

/// e to the power of x; x is held between -700 and 700.
pub fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let halves = (x / std::f64::consts::LN_2).round();
    let rest = x - halves * std::f64::consts::LN_2;
    let series = (1..=TERMS)
        .rev()
        .fold(1.0, |sum, n| 1.0 + rest / f64::from(n) * sum);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 13 and 2033 by the clamp"
    )]
    let exponent = (halves as i64 + 1023) as u64;
    series * f64::from_bits(exponent << 52)
}

/// 1 / (1 + e^-x).
pub fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

/// ln(1 + e^-x), the loss of a right judgement with the margin x.
pub fn loss(x: f64) -> f64 {
    if x < 0.0 {
        return loss(-x) - x;
    }
    let y = exp(-x);
    2.0 * area(y / (2.0 + y))
}

/// s + s³/3 + s⁵/5 + …, half of ln((1 + s) / (1 - s)), for s up to a third.
fn area(s: f64) -> f64 {
    let squared = s * s;
    let series = (0..TERMS)
        .rev()
        .fold(0.0, |sum, n| sum * squared + 1.0 / f64::from(2 * n + 1));
    s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_the_library_says() {
        for n in -300..300 {
            let x = f64::from(n) * 0.37;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-13, "{x}");
            let expected = if x > 0.0 {
                (-x).exp().ln_1p()
            } else {
                x.exp().ln_1p() - x
            };
            assert!(
                (loss(x) - expected).abs() <= 1e-12 * (1.0 + expected),
                "{x}"
            );
        }
        assert!(logistic(-10_000.0) >= 0.0 && logistic(10_000.0) <= 1.0);
    }
}
