//! The file of a model's weights, in the format of safetensors.

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};

use super::Error;

/// The numbers of a file, by name.
pub struct Tensors<'a>(SafeTensors<'a>);

impl<'a> Tensors<'a> {
    pub fn read(file: &'a [u8]) -> Result<Tensors<'a>, Error> {
        SafeTensors::deserialize(file)
            .map(Tensors)
            .map_err(|e| Error::Model(format!("its weights are damaged ({e})")))
    }

    /// A matrix of rows.
    pub fn matrix(&self, name: &str) -> Result<Array2<f32>, Error> {
        let (shape, values) = self.values(name)?;
        let wrong = || Error::Model(format!("{name} is no matrix"));
        let [rows, columns] = shape[..] else {
            return Err(wrong());
        };
        Array2::from_shape_vec((rows, columns), values).map_err(|_| wrong())
    }

    /// A row of numbers.
    pub fn row(&self, name: &str) -> Result<Array1<f32>, Error> {
        Ok(Array1::from(self.values(name)?.1))
    }

    fn values(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), Error> {
        let wrong = |why: &str| Error::Model(format!("{name} {why}"));
        let under_name = self.0.tensor(name);
        let found = under_name.or_else(|_| self.0.tensor(&format!("bert.{name}")));
        let found = found.map_err(|_| wrong("is missing: it is no BERT"))?;
        if found.dtype() != Dtype::F32 {
            return Err(wrong("is not in 32-bit floats"));
        }
        let bytes = found.data().as_chunks::<4>().0;
        let values = bytes.iter().map(|bytes| f32::from_le_bytes(*bytes));
        Ok((found.shape().to_vec(), values.collect()))
    }
}
