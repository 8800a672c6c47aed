//! A direction, in one byte a dimension: what is lost by that is far below what tells texts apart
//! (the cosine moves by less than 0.01).

/// A direction of length 1, each dimension in steps of 1/127 of the largest.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    steps: Vec<i8>,
    /// What one step is worth.
    scale: f32,
}

impl Vector {
    /// The direction of `values`; without one where they are all zero or no numbers.
    pub fn of(values: &[f32]) -> Vector {
        let largest = values.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        Vector::of_steps(values.iter().map(|v| (v / step).round() as i8).collect())
    }

    /// A direction given in steps of any worth.
    pub fn of_steps(steps: Vec<i8>) -> Vector {
        let square: i64 = steps.iter().map(|s| i64::from(*s) * i64::from(*s)).sum();
        let scale = match square {
            0 => 0.0,
            square => 1.0 / (square as f32).sqrt(),
        };
        Vector { steps, scale }
    }

    /// As it is stored, one byte a dimension.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        self.steps.iter().map(|step| step.to_le_bytes()[0])
    }

    /// As it was stored.
    pub fn from_bytes(bytes: &[u8]) -> Vector {
        Vector::of_steps(
            bytes
                .iter()
                .map(|byte| i8::from_le_bytes([*byte]))
                .collect(),
        )
    }

    /// The steps, one a dimension.
    pub fn steps(&self) -> &[i8] {
        &self.steps
    }

    /// What a step is worth, so that the direction has length 1.
    pub fn scale(&self) -> f32 {
        self.scale
    }

    /// How far two point the same way: 1 for the same direction, 0 for nothing in common.
    pub fn cosine(&self, other: &Vector) -> f32 {
        let pairs = self.steps.iter().zip(&other.steps);
        let sum: i32 = pairs.map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
        sum as f32 * self.scale * other.scale
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_byte_a_dimension_keeps_the_cosine(
            a in proptest::collection::vec(-1.0f32..1.0, 384),
            b in proptest::collection::vec(-1.0f32..1.0, 384),
        ) {
            let exact = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            let cosine = exact(&a, &b) / (exact(&a, &a) * exact(&b, &b)).sqrt();
            let (a, b) = (Vector::of(&a), Vector::of(&b));
            prop_assert!((a.cosine(&b) - cosine).abs() < 0.01);
            let bytes: Vec<u8> = a.bytes().collect();
            prop_assert_eq!(Vector::from_bytes(&bytes), a);
        }
    }
}
