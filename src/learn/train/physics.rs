use crate::error::Result;
use crate::learn::data::Batch;
use crate::learn::losses::{InstrumentOperator, PowerLoss, flux_error};
use crate::learn::scaling::ChannelScaling;
use crate::learn::settings::LossSettings;
use crate::learn::train::losses::StepLosses;
use burn::Tensor;
use burn::tensor::Device;

/// The losses that know what the pixels mean; a weight of 0 leaves one out.
#[derive(Debug, Clone)]
pub struct Physics {
    truth: Vec<ChannelScaling>,
    flux: f64,
    power: Option<(f64, PowerLoss)>,
    instrument: Option<(f64, InstrumentOperator)>,
}

impl Physics {
    /// Those of `settings` for images of `size` \[y, x\] of the channels `mock` and `truth`.
    ///
    /// # Errors
    /// Channels that the instrument's operator cannot turn into each other.
    pub fn new(
        settings: &LossSettings,
        size: [usize; 2],
        mock: &[ChannelScaling],
        truth: &[ChannelScaling],
        device: &Device,
    ) -> Result<Physics> {
        let power = (settings.power > 0.0).then(|| (settings.power, PowerLoss::new(size, device)));
        let instrument = match settings.instrument > 0.0 {
            true => Some((settings.instrument, InstrumentOperator::new(size, truth, mock, device)?)),
            false => None,
        };
        Ok(Physics { truth: truth.to_vec(), flux: settings.flux, power, instrument })
    }

    /// The weighted sum of those that compare a prediction of the truth with the truth, and each into `losses`.
    pub(super) fn against_truth(
        &self,
        prediction: &Tensor<4>,
        truth: &Tensor<4>,
        share: f64,
        losses: &mut StepLosses,
    ) -> Option<Tensor<1>> {
        let flux = (self.flux > 0.0).then(|| {
            let loss = flux_error(prediction.clone(), truth.clone(), &self.truth);
            losses.add("flux", loss.clone() * share);
            loss * self.flux
        });
        let power = self.power.as_ref().map(|(weight, power)| {
            let loss = power.loss(prediction.clone(), truth.clone(), &self.truth);
            losses.add("power", loss.clone() * share);
            loss * *weight
        });
        [flux, power].into_iter().flatten().reduce(|a, b| a + b)
    }

    /// The weighted loss of a prediction of the truth of the mocks of `batch`, observed, against these.
    pub(super) fn against_mock(
        &self,
        prediction: &Tensor<4>,
        batch: &Batch,
        share: f64,
        losses: &mut StepLosses,
    ) -> Option<Tensor<1>> {
        self.instrument.as_ref().map(|(weight, operator)| {
            let loss = operator.loss(prediction.clone(), batch);
            losses.add("instrument", loss.clone() * share);
            loss * *weight
        })
    }
}
