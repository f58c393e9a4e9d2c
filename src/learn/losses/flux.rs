use crate::learn::scaling::ChannelScaling;
use burn::Tensor;

/// 2 |p - t| / (|p| + |t|) of the sums p and t over the pixels of physical values of each channel of each image, as a mean,
/// \[1\]: the relative error of the flux where it is small, 2 where nothing is right, so that a wild prediction does not
/// outweigh all else. `prediction` and `target` hold network values \[batch, channel, y, x\].
pub fn flux_error(prediction: Tensor<4>, target: Tensor<4>, channels: &[ChannelScaling]) -> Tensor<1> {
    let errors: Vec<Tensor<1>> = channels
        .iter()
        .enumerate()
        .map(|(number, channel)| {
            let total = |u: &Tensor<4>| {
                // in units of the scaling, so that sums stay far from the ends of float32
                let physical = channel.physical(u.clone().narrow(1, number, 1)) * channel.scaling.scale.recip();
                let [batch, _, height, width] = physical.dims();
                physical.reshape([batch, height * width]).mean_dim(1)
            };
            let (p, t) = (total(&prediction), total(&target));
            let size = p.clone().abs() + t.clone().abs();
            let error = (p - t).abs() * 2.0 / (size + TINY);
            error.mean_dim(0).reshape([1])
        })
        .collect();
    Tensor::cat(errors, 0).mean_dim(0)
}

/// Mean pixels below this share of the scaling's scale are no flux: it keeps 0 from being divided by 0.
const TINY: f64 = 1e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::{Scaling, ScalingKind};
    use crate::learn::weights::values;
    use burn::tensor::{Device, TensorData};

    #[test]
    fn it_is_the_relative_error_of_sums() {
        let scaling = Scaling { kind: ScalingKind::Asinh, scale: 3.0, offset: 0.4, gain: 1.5, lambda: 1.0 };
        let channel = ChannelScaling::fitted("tb", "mK", None, scaling, 2.0);
        let device = Device::flex();
        let image = |xs: [f64; 8]| {
            let us: Vec<f32> = xs.iter().map(|x| channel.from_physical(*x)).collect();
            Tensor::<4>::from_data(TensorData::new(us, [2, 1, 2, 2]), &device)
        };
        let truth = image([1.0, 2.0, 3.0, 4.0, 0.0, 0.0, 0.0, 5.0]);
        let made = image([1.0, 2.0, 3.0, 4.4, 0.0, 0.0, 5.5, -1.0]);
        let got = values(flux_error(made, truth.clone(), std::slice::from_ref(&channel))).unwrap()[0];
        let want = (2.0 * 0.4 / 20.4 + 2.0 * 0.5 / 9.5) / 2.0;
        assert!((f64::from(got) - want).abs() < 1e-5, "{got} {want}");
        let none = image([0.0; 8]);
        assert_eq!(values(flux_error(none.clone(), none, std::slice::from_ref(&channel))).unwrap(), [0.0]);
        assert_eq!(values(flux_error(truth.clone(), truth, &[channel])).unwrap(), [0.0]);
    }

    #[test]
    fn its_slope_is_that_of_finite_differences() {
        let scaling = Scaling { kind: ScalingKind::Asinh, scale: 3.0, offset: 0.4, gain: 1.5, lambda: 1.0 };
        let channel = [ChannelScaling::fitted("tb", "mK", None, scaling, 2.0)];
        let image =
            |us: &[f32], device: &Device| Tensor::<4>::from_data(TensorData::new(us.to_vec(), [2, 1, 2, 2]), device);
        let made = [0.3f32, -0.1, 0.5, 0.2, 0.1, 0.4, -0.3, 0.6];
        let (plain, graph) = (Device::flex(), Device::flex().autodiff());
        let truth = image(&[0.2, 0.1, 0.3, 0.4, 0.0, 0.2, 0.5, 0.1], &plain);
        let u = image(&made, &graph).require_grad();
        let slopes = u.grad(&flux_error(u.clone(), truth.clone(), &channel).backward()).unwrap();
        let slopes = values(slopes).unwrap();
        let greatest = slopes.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        for i in 0..8 {
            let at = |by: f32| {
                let mut moved = made;
                moved[i] += by;
                f64::from(values(flux_error(image(&moved, &plain), truth.clone(), &channel)).unwrap()[0])
            };
            let want = (at(2e-3) - at(-2e-3)) / 4e-3;
            assert!((f64::from(slopes[i]) - want).abs() < 0.01 * f64::from(greatest), "{i}: {} {want}", slopes[i]);
        }
    }
}
