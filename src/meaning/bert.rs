//! The model itself: BERT's encoder (Devlin et al., 2019) and the mean over its last layer.
//!
//! Texts of any length stand below each other as rows, one row a piece: the large products are made
//! once for all of them, and only the attention looks at each text alone.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut2, Axis, concatenate, s};

use super::Error;
use super::tensors::Tensors;

/// Dimensions of one head of attention: the same in all small models of this kind.
const HEAD: usize = 32;
/// Widest model that is known to have such heads: wider ones have heads of 64, and would answer nonsense.
const WIDTH_MAX: usize = 384;
/// Layers that are read, at most.
const LAYERS_MAX: usize = 24;
/// What keeps the norm of a layer from dividing by zero, as the models were taught.
const EPSILON: f32 = 1e-12;

struct Linear {
    /// A column for each output.
    weight: Array2<f32>,
    bias: Array1<f32>,
}

struct Norm {
    weight: Array1<f32>,
    bias: Array1<f32>,
}

struct Layer {
    /// Query, key and value, one beside the other.
    asked: Linear,
    joined: Linear,
    after_attention: Norm,
    wide: Linear,
    narrow: Linear,
    after: Norm,
}

/// The weights.
pub struct Bert {
    words: Array2<f32>,
    /// Of each place in a text.
    places: Array2<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

impl Linear {
    fn read(tensors: &Tensors<'_>, name: &str) -> Result<Linear, Error> {
        Linear::beside(tensors, &[name.to_owned()])
    }

    /// Several that take the same input, as one.
    fn beside(tensors: &Tensors<'_>, names: &[String]) -> Result<Linear, Error> {
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for name in names {
            weights.push(tensors.matrix(&format!("{name}.weight"))?);
            biases.push(tensors.row(&format!("{name}.bias"))?);
        }
        let wrong = |_| Error::unfit();
        let weights: Vec<ArrayView2<'_, f32>> = weights.iter().map(|w| w.view()).collect();
        let biases: Vec<ArrayView1<'_, f32>> = biases.iter().map(|b| b.view()).collect();
        let rows = concatenate(Axis(0), &weights).map_err(wrong)?;
        Ok(Linear {
            weight: rows.t().as_standard_layout().to_owned(),
            bias: concatenate(Axis(0), &biases).map_err(wrong)?,
        })
    }

    fn fits(&self, inputs: usize, outputs: usize) -> bool {
        self.weight.dim() == (inputs, outputs) && self.bias.len() == outputs
    }

    fn apply(&self, input: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut output = Array2::zeros((input.nrows(), self.bias.len()));
        output += &self.bias;
        general_mat_mul(1.0, &input, &self.weight, 1.0, &mut output);
        output
    }
}

impl Norm {
    fn read(tensors: &Tensors<'_>, name: &str) -> Result<Norm, Error> {
        Ok(Norm {
            weight: tensors.row(&format!("{name}.weight"))?,
            bias: tensors.row(&format!("{name}.bias"))?,
        })
    }

    fn fits(&self, width: usize) -> bool {
        self.weight.len() == width && self.bias.len() == width
    }

    fn apply(&self, rows: &mut Array2<f32>) {
        for mut row in rows.rows_mut() {
            let count = row.len() as f32;
            let mean = row.sum() / count;
            let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            for (value, (w, b)) in row.iter_mut().zip(self.weight.iter().zip(&self.bias)) {
                *value = (*value - mean) * scale * w + b;
            }
        }
    }
}

impl Bert {
    pub fn read(tensors: &Tensors<'_>) -> Result<Bert, Error> {
        let mut layers = Vec::new();
        for n in 0..LAYERS_MAX {
            let name = |part: &str| format!("encoder.layer.{n}.{part}");
            if n > 0 && tensors.row(&name("output.dense.bias")).is_err() {
                break;
            }
            let asked = ["query", "key", "value"].map(|p| name(&format!("attention.self.{p}")));
            layers.push(Layer {
                asked: Linear::beside(tensors, &asked)?,
                joined: Linear::read(tensors, &name("attention.output.dense"))?,
                after_attention: Norm::read(tensors, &name("attention.output.LayerNorm"))?,
                wide: Linear::read(tensors, &name("intermediate.dense"))?,
                narrow: Linear::read(tensors, &name("output.dense"))?,
                after: Norm::read(tensors, &name("output.LayerNorm"))?,
            });
        }
        let mut places = tensors.matrix("embeddings.position_embeddings.weight")?;
        let kinds = tensors.matrix("embeddings.token_type_embeddings.weight")?;
        if kinds.ncols() != places.ncols() || kinds.nrows() == 0 {
            return Err(Error::unfit());
        }
        // Texts come one by one, never as a pair: every piece is of the first kind.
        places += &kinds.row(0);
        let bert = Bert {
            words: tensors.matrix("embeddings.word_embeddings.weight")?,
            norm: Norm::read(tensors, "embeddings.LayerNorm")?,
            places,
            layers,
        };
        if bert.fits() {
            Ok(bert)
        } else {
            Err(Error::unfit())
        }
    }

    /// Whether every matrix fits the next.
    fn fits(&self) -> bool {
        let width = self.words.ncols();
        (1..=WIDTH_MAX).contains(&width)
            && width.is_multiple_of(HEAD)
            && self.words.nrows() > 0
            && self.places.ncols() == width
            && self.places.nrows() >= super::PIECES_MAX
            && self.norm.fits(width)
            && self.layers.iter().all(|layer| {
                let inner = layer.wide.bias.len();
                layer.asked.fits(width, 3 * width)
                    && layer.joined.fits(width, width)
                    && layer.after_attention.fits(width)
                    && layer.wide.fits(width, inner)
                    && layer.narrow.fits(inner, width)
                    && layer.after.fits(width)
            })
    }

    /// How many words it knows.
    pub fn words(&self) -> usize {
        self.words.nrows()
    }

    /// How many dimensions a direction has.
    pub fn width(&self) -> usize {
        self.words.ncols()
    }

    /// Where each of these texts points: the mean over its pieces. No text may be without one.
    pub fn embed(&self, texts: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let mut spans: Vec<Range<usize>> = Vec::with_capacity(texts.len());
        for text in texts {
            let begin = spans.last().map_or(0, |span| span.end);
            spans.push(begin..begin + text.len().min(self.places.nrows()));
        }
        let count = spans.last().map_or(0, |span| span.end);
        let mut rows = Array2::zeros((count, self.width()));
        for (text, span) in texts.iter().zip(&spans) {
            for (place, (n, piece)) in span.clone().zip(text).enumerate() {
                let word = (*piece as usize).min(self.words.nrows() - 1);
                let mut row = rows.row_mut(n);
                row += &self.words.row(word);
                row += &self.places.row(place);
            }
        }
        self.norm.apply(&mut rows);
        for layer in &self.layers {
            layer.apply(&mut rows, &spans);
        }
        spans
            .into_iter()
            .map(|span| {
                let mean = rows.slice(s![span, ..]).mean_axis(Axis(0));
                mean.map(|mean| mean.to_vec()).unwrap_or_default()
            })
            .collect()
    }
}

impl Layer {
    fn apply(&self, rows: &mut Array2<f32>, spans: &[Range<usize>]) {
        let asked = self.asked.apply(rows.view());
        let mut attended = Array2::zeros(rows.dim());
        for span in spans {
            let of_text = asked.slice(s![span.clone(), ..]);
            attend(of_text, attended.slice_mut(s![span.clone(), ..]));
        }
        *rows += &self.joined.apply(attended.view());
        self.after_attention.apply(rows);
        let mut inner = self.wide.apply(rows.view());
        inner.mapv_inplace(gelu);
        *rows += &self.narrow.apply(inner.view());
        self.after.apply(rows);
    }
}

/// What each piece of one text takes from the others. `asked` holds query, key and value side by side.
fn attend(asked: ArrayView2<'_, f32>, mut attended: ArrayViewMut2<'_, f32>) {
    let width = attended.ncols();
    let scale = 1.0 / (HEAD as f32).sqrt();
    for begin in (0..width).step_by(HEAD) {
        let of_head = |part: usize| {
            let begin = part * width + begin;
            asked.slice(s![.., begin..begin + HEAD])
        };
        let mut shares = of_head(0).dot(&of_head(1).t());
        for mut row in shares.rows_mut() {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            row.mapv_inplace(|v| ((v - largest) * scale).exp());
            let total = row.sum();
            row.mapv_inplace(|v| v / total);
        }
        let mut of_head_out = attended.slice_mut(s![.., begin..begin + HEAD]);
        general_mat_mul(1.0, &shares, &of_head(2), 0.0, &mut of_head_out);
    }
}

/// The Gaussian error linear unit, with the error function to 3e-7 (Abramowitz and Stegun, 7.1.28).
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let series = 1.0
        + z * (0.070_523_08
            + z * (0.042_282_01
                + z * (0.009_270_527
                    + z * (0.000_152_014_3 + z * (0.000_276_567_2 + z * 0.000_043_063_8)))));
    let square = series * series;
    let fourth = square * square;
    let eighth = fourth * fourth;
    let erf = 1.0 - 1.0 / (eighth * eighth);
    0.5 * x * (1.0 + erf.copysign(x))
}

#[cfg(test)]
mod tests {
    use super::gelu;

    #[test]
    fn gelu_is_that_of_the_table() {
        let table = [
            (0.0, 0.0),
            (1.0, 0.841_344_7),
            (-1.0, -0.158_655_3),
            (3.0, 2.995_950_3),
            (-10.0, 0.0),
            (1e6, 1e6),
        ];
        for (x, y) in table {
            assert!(
                (gelu(x) - y).abs() < 1e-5 * y.abs().max(1.0),
                "{x}: {}",
                gelu(x)
            );
        }
    }
}
