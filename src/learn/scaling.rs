//! From what a data set stores to what networks see, and to physical values.

use crate::datasets::{Scaling, ScalingKind};
use crate::error::{Error, Result};
use burn::Tensor;
use burn::tensor::activation::relu;
use serde_json::{Value, json};

/// A channel of a network: network value u = (y - shift) / span of stored value y, which `scaling` made of a physical one.
///
/// `shift` is the stored value of zero, so that u = 0 is exactly zero; `span` makes the training split's values lie within
/// -1 / 1.05 and 1 / 1.05, which a tanh reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelScaling {
    /// Word of the data set's field.
    pub field: String,
    /// Unit of physical values.
    pub unit: String,
    /// Plane of a cube; None of an image.
    pub plane: Option<usize>,
    /// From physical to stored values.
    pub scaling: Scaling,
    /// Stored value of zero.
    pub shift: f64,
    /// Stored values to a network's unit; above 0.
    pub span: f64,
}

/// How far beyond the training split's values a network's outputs are believed when they become physical in a loss: beyond
/// it their gradient is 0. sinh of a wild output would otherwise leave the numbers.
pub const REACH: f64 = 1.5;

/// Room above the largest value of the training split.
const HEADROOM: f64 = 1.05;

impl ChannelScaling {
    /// The channel whose stored values in the training split differ from that of zero by `largest` at most.
    pub fn fitted(field: &str, unit: &str, plane: Option<usize>, scaling: Scaling, largest: f64) -> ChannelScaling {
        let span = if largest > 0.0 { HEADROOM * largest } else { 1.0 };
        let shift = Self::zero(&scaling);
        ChannelScaling { field: field.to_owned(), unit: unit.to_owned(), plane, scaling, shift, span }
    }

    /// Stored value of zero.
    pub fn zero(scaling: &Scaling) -> f64 {
        // as the data set stores it: in float32
        f64::from(scaling.apply(0.0) as f32)
    }

    /// Network value of a stored one.
    pub fn from_stored(&self, y: f32) -> f32 {
        ((f64::from(y) - self.shift) / self.span) as f32
    }

    /// Stored value of a network's.
    pub fn to_stored(&self, u: f32) -> f64 {
        f64::from(u) * self.span + self.shift
    }

    /// Physical value of a network's.
    pub fn to_physical(&self, u: f32) -> f64 {
        // exactly zero, which the scaling's offset in float64 may miss
        if u == 0.0 { 0.0 } else { self.scaling.invert(self.to_stored(u)) }
    }

    /// Network value of a physical one; NaN where it has none (a logarithm of what is below -1).
    pub fn from_physical(&self, x: f64) -> f32 {
        ((self.scaling.apply(x) - self.shift) / self.span) as f32
    }

    /// Physical values of network values of this channel, differentiable; network values are taken within +-[`REACH`].
    pub fn physical(&self, u: Tensor<4>) -> Tensor<4> {
        let Scaling { kind, scale, offset, gain, lambda } = self.scaling;
        let y = u.clamp(-REACH, REACH) * self.span + self.shift;
        let z = y.clone() * gain + offset;
        match kind {
            ScalingKind::None => y,
            // exp alone, not expm1: no device lacks it; the difference near 0 is below float32's rounding of 1
            ScalingKind::Log => (z.exp() - 1.0) * scale,
            ScalingKind::Asinh => (z.clone().exp() - (-z).exp()) * (0.5 * scale),
            ScalingKind::YeoJohnson => inverse_yeo_johnson(z, lambda) * scale,
        }
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let Scaling { kind, scale, offset, gain, lambda } = self.scaling;
        json!({
            "field": self.field, "unit": self.unit, "plane": self.plane, "shift": self.shift, "span": self.span,
            "scaling": {"kind": kind.word(), "scale": scale, "offset": offset, "gain": gain, "lambda": lambda},
        })
    }

    /// Back from JSON.
    ///
    /// # Errors
    /// Keys that are missing or no such values.
    pub fn from_json(value: &Value) -> Result<ChannelScaling> {
        let lacks =
            |key: &str| Error::input("a channel's description lacks a value").expected(key).found(value.to_string());
        let number = |of: &Value, key: &str| of[key].as_f64().filter(|v| v.is_finite()).ok_or_else(|| lacks(key));
        let text = |of: &Value, key: &str| of[key].as_str().map(str::to_owned).ok_or_else(|| lacks(key));
        let inner = &value["scaling"];
        let scaling = Scaling {
            kind: ScalingKind::parse(&text(inner, "kind")?)?,
            scale: number(inner, "scale")?,
            offset: number(inner, "offset")?,
            gain: number(inner, "gain")?,
            lambda: number(inner, "lambda")?,
        };
        let plane = match &value["plane"] {
            Value::Null => None,
            plane => Some(plane.as_u64().ok_or_else(|| lacks("plane"))? as usize),
        };
        let (shift, span) = (number(value, "shift")?, number(value, "span")?);
        if span <= 0.0 {
            return Err(lacks("span above 0"));
        }
        Ok(ChannelScaling { field: text(value, "field")?, unit: text(value, "unit")?, plane, scaling, shift, span })
    }
}

/// Yeo & Johnson 2000, equation 2.1, inverted; exponents near their limits are those of the limits.
fn inverse_yeo_johnson(z: Tensor<4>, lambda: f64) -> Tensor<4> {
    let branch = |t: Tensor<4>, power: f64| match power.abs() < 1e-12 {
        true => t.exp() - 1.0,
        // at the edge of what the transformation reaches the base is 0
        false => (t * power + 1.0).clamp_min(1e-30).powf_scalar(1.0 / power) - 1.0,
    };
    // each branch on its own side alone: the other's values may not be finite there, and 0 times infinity is no 0; at 0
    // itself relu has no slope and clamp_min has
    branch(relu(z.clone()), lambda) - branch((-z).clamp_min(0.0), 2.0 - lambda)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::weights::values;
    use burn::tensor::{Device, TensorData};

    fn channels() -> Vec<ChannelScaling> {
        let of = |kind, lambda, offset| {
            let scaling = match kind {
                ScalingKind::None => Scaling::NONE,
                _ => Scaling { kind, scale: 119.7, offset, gain: 1.98, lambda },
            };
            ChannelScaling::fitted("tb", "mK", None, scaling, 4.1)
        };
        vec![
            of(ScalingKind::None, 1.0, 0.0),
            of(ScalingKind::Log, 1.0, 1.02),
            of(ScalingKind::Asinh, 1.0, 1.02),
            of(ScalingKind::YeoJohnson, 0.4, 0.3),
            of(ScalingKind::YeoJohnson, 0.0, 0.3),
            of(ScalingKind::YeoJohnson, 2.0, -0.3),
        ]
    }

    #[test]
    fn zero_is_zero_and_values_come_back() {
        for channel in channels() {
            let zero = channel.scaling.apply(0.0) as f32;
            assert_eq!(channel.from_stored(zero), 0.0, "{channel:?}");
            assert_eq!(channel.to_physical(0.0), 0.0);
            for u in [-0.2f32, 0.1, 0.5, 0.9] {
                let x = channel.to_physical(u);
                assert!((channel.from_physical(x) - u).abs() < 1e-6, "{channel:?} {u} {x}");
                let stored = channel.to_stored(u) as f32;
                assert!((channel.from_stored(stored) - u).abs() < 1e-6);
            }
            assert_eq!(ChannelScaling::from_json(&channel.to_json()).unwrap(), channel);
        }
        let mut broken = channels()[1].to_json();
        broken["span"] = json!(-1.0);
        assert!(ChannelScaling::from_json(&broken).unwrap_err().to_string().contains("span"));
    }

    #[test]
    fn tensors_become_what_numbers_become_and_know_their_slope() {
        let device = Device::flex().autodiff();
        let us = [-0.3f32, -0.05, 0.0, 0.02, 0.4, 0.93];
        for channel in channels() {
            let u = Tensor::<4>::from_data(TensorData::new(us.to_vec(), [1, 1, 2, 3]), &device).require_grad();
            let x = channel.physical(u.clone());
            let slopes = values(u.grad(&x.clone().sum().backward()).unwrap()).unwrap();
            for ((u, x), slope) in us.iter().zip(values(x.inner()).unwrap()).zip(slopes) {
                let want = channel.to_physical(*u);
                let near = |u: f64| {
                    let y = u * channel.span + channel.shift;
                    channel.scaling.invert(y)
                };
                let scale = channel.scaling.scale.max(want.abs());
                assert!((f64::from(x) - want).abs() < 2e-6 * scale, "{channel:?} {u}: {x} instead of {want}");
                let h = 1e-5;
                let want = (near(f64::from(*u) + h) - near(f64::from(*u) - h)) / (2.0 * h);
                assert!((f64::from(slope) - want).abs() < 1e-3 * want.abs() + 1e-3, "{channel:?} {u}: {slope}, {want}");
            }
            let wild = Tensor::<4>::from_floats([[[[1e9f32, -1e9]]]], &device);
            assert!(values(channel.physical(wild)).unwrap().iter().all(|v| v.is_finite()));
        }
    }
}
