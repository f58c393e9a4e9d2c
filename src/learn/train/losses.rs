use crate::error::Result;
use crate::learn::weights::values;
use burn::Tensor;
use std::collections::BTreeMap;

/// Losses of a step by name, still on the device: reading them waits for it.
#[derive(Debug, Clone, Default)]
pub struct StepLosses(BTreeMap<&'static str, Tensor<1>>);

impl StepLosses {
    /// `loss` more under `name`.
    pub(super) fn add(&mut self, name: &'static str, loss: Tensor<1>) {
        let loss = loss.inner();
        let sum = match self.0.remove(name) {
            Some(old) => old + loss,
            None => loss,
        };
        self.0.insert(name, sum);
    }

    /// Those of another piece of the step besides.
    pub(super) fn append(&mut self, other: StepLosses) {
        for (name, loss) in other.0 {
            let sum = match self.0.remove(name) {
                Some(old) => old + loss,
                None => loss,
            };
            self.0.insert(name, sum);
        }
    }

    /// Their values, without the weights that they have in the sum.
    ///
    /// # Errors
    /// A device that does not give them.
    pub fn read(self) -> Result<BTreeMap<String, f64>> {
        let one = |(name, loss): (&str, Tensor<1>)| {
            let value = values(loss)?.first().copied().unwrap_or(f32::NAN);
            Ok((name.to_owned(), f64::from(value)))
        };
        self.0.into_iter().map(one).collect()
    }
}
