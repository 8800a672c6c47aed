//! A model as bytes: a line of JSON that says what follows, and the numbers.

use serde::{Deserialize, Serialize};

use super::features::{GRAMS, SIGNS};
use super::{About, Model};
use crate::error::{Error, Result};

/// The form of the file; another is refused.
const FORM: u32 = 2;
/// Largest first line (bytes).
const HEAD_BYTES_MAX: usize = 4_096;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Head {
    form: u32,
    grams: usize,
    signs: usize,
    /// What one step of an n-gram's weight is worth.
    step: f32,
    slope: f64,
    intercept: f64,
    about: About,
}

impl Model {
    /// N-gram weights in 255 steps, a byte each; those of the signs and the bias whole.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let largest = self
            .ngrams
            .iter()
            .fold(0.0_f32, |most, w| most.max(w.abs()));
        let step = if largest > 0.0 { largest / 127.0 } else { 1.0 };
        let head = Head {
            form: FORM,
            grams: GRAMS,
            signs: SIGNS,
            step,
            slope: self.slope,
            intercept: self.intercept,
            about: self.about.clone(),
        };
        let mut bytes = serde_json::to_vec(&head).map_err(Error::other)?;
        bytes.push(b'\n');
        #[expect(clippy::cast_possible_truncation, reason = "-127 to 127")]
        bytes.extend(
            self.ngrams
                .iter()
                .map(|w| ((w / step).round() as i8).to_le_bytes()[0]),
        );
        for weight in self.signs.iter().chain([&self.bias]) {
            bytes.extend(weight.to_le_bytes());
        }
        Ok(bytes)
    }

    /// Reads what [`Model::to_bytes`] wrote; an error says what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        let end = bytes.iter().take(HEAD_BYTES_MAX).position(|b| *b == b'\n');
        let end =
            end.ok_or_else(|| Error::other("a model begins with a line that describes it"))?;
        let head: Head = serde_json::from_slice(&bytes[..end]).map_err(Error::other)?;
        let rest = &bytes[end + 1..];
        if (head.form, head.grams, head.signs) != (FORM, GRAMS, SIGNS)
            || rest.len() != GRAMS + 4 * (SIGNS + 1)
        {
            return Err(Error::other(
                "this model is of another version: train it anew",
            ));
        }
        let (steps, whole) = rest.split_at(GRAMS);
        let mut whole: Vec<f32> = whole
            .as_chunks::<4>()
            .0
            .iter()
            .map(|bytes| f32::from_le_bytes(*bytes))
            .collect();
        let numbers = [head.slope, head.intercept, f64::from(head.step)];
        if !numbers.iter().all(|n| n.is_finite()) || !whole.iter().all(|n| n.is_finite()) {
            return Err(Error::other("this model holds numbers that are none"));
        }
        Ok(Model {
            ngrams: steps
                .iter()
                .map(|byte| f32::from(i8::from_le_bytes([*byte])) * head.step)
                .collect(),
            bias: whole.pop().unwrap_or_default(),
            signs: whole,
            slope: head.slope,
            intercept: head.intercept,
            about: head.about,
        })
    }
}
