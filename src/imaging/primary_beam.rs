//! Primary-beam correction: the power beam that an image was seen through.
//!
//! A source at (l, m) appears in the dirty image with sum_k W_k E_p E_q / sum_k W_k of its flux density, W_k being the
//! imaging weight of sample k on baseline (p, q) and E the voltage beams: for mixed arrays the mean of the classes of
//! baselines by weight, for several channels the mean over channels.

use crate::error::{Error, Result};
use crate::gridding::ImageGeometry;
use crate::telescope::beam::VoltageBeam;
use ndarray::{Array2, ArrayBase, Axis, Data, Ix2};
use rayon::prelude::*;
use std::sync::Arc;

/// Baselines between stations of two classes at one frequency, and their imaging weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeamTerm {
    /// Classes of the two stations, the smaller first.
    pub pair: [usize; 2],
    /// Frequency, Hz.
    pub freq_hz: f64,
    /// Sum of their weights.
    pub weight: f64,
}

/// The effective power beam of a plane, shape [y, x], 1 at the phase centre: the mean of `terms` by weight.
///
/// # Errors
/// A class that `classes` does not have.
pub fn effective_power(
    geometry: &ImageGeometry,
    classes: &[Arc<dyn VoltageBeam>],
    terms: &[BeamTerm],
) -> Result<Array2<f64>> {
    if let Some(term) = terms.iter().find(|t| t.pair[1] >= classes.len()) {
        return Err(Error::input("a station of a class without a beam")
            .found(format!("class {}", term.pair[1]))
            .expected(format!("less than {}", classes.len())));
    }
    let (ny, nx) = (geometry.ny, geometry.nx);
    let sum: f64 = terms.iter().map(|t| t.weight).sum();
    // beams are circular: one quadrant, from the phase centre to the farthest corner, is computed and mirrored
    let (qy, qx) = (ny / 2 + 1, nx / 2 + 1);
    let mut quadrant = Array2::zeros((qy, qx));
    quadrant.axis_iter_mut(Axis(0)).into_par_iter().enumerate().for_each(|(j, mut row)| {
        let mut voltage = vec![0.0; classes.len()];
        for (i, out) in row.iter_mut().enumerate() {
            let sin_theta = (i as f64 * geometry.dl).hypot(j as f64 * geometry.dm);
            let mut now = f64::NAN;
            for term in terms {
                if term.freq_hz != now {
                    now = term.freq_hz;
                    voltage.iter_mut().zip(classes).for_each(|(v, c)| *v = c.voltage(sin_theta, now));
                }
                *out += term.weight / sum * voltage[term.pair[0]] * voltage[term.pair[1]];
            }
        }
    });
    Ok(Array2::from_shape_fn((ny, nx), |(y, x)| quadrant[[y.abs_diff(ny / 2), x.abs_diff(nx / 2)]]))
}

/// `image` over `power`, 0 where the power is below `limit`.
pub fn correct<A, B>(image: &ArrayBase<A, Ix2>, power: &ArrayBase<B, Ix2>, limit: f64) -> Array2<f64>
where
    A: Data<Elem = f64>,
    B: Data<Elem = f64>,
{
    let mut corrected = image.to_owned();
    corrected.zip_mut_with(power, |value, p| *value = if *p >= limit { *value / p } else { 0.0 });
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telescope::beam::{AiryBeam, GaussianBeam};

    #[test]
    fn the_power_is_the_weighted_mean_of_the_products() {
        let g = ImageGeometry { nx: 30, ny: 25, dl: -1.1e-3, dm: 1e-3 };
        let classes: Vec<Arc<dyn VoltageBeam>> =
            vec![Arc::new(GaussianBeam { diameter_m: 13.5 }), Arc::new(AiryBeam { diameter_m: 15.0 })];
        let terms = [([0, 0], 1.3e9, 0.1), ([0, 1], 1.3e9, 0.2), ([1, 1], 1.3e9, 0.3), ([0, 1], 1.5e9, 0.4)]
            .map(|(pair, freq_hz, weight)| BeamTerm { pair, freq_hz, weight });
        let power = effective_power(&g, &classes, &terms).unwrap();
        for ((y, x), p) in power.indexed_iter() {
            let s = g.l(x).hypot(g.m(y));
            let expected: f64 = terms
                .iter()
                .map(|t| t.weight * classes[t.pair[0]].voltage(s, t.freq_hz) * classes[t.pair[1]].voltage(s, t.freq_hz))
                .sum();
            assert!((p - expected).abs() < 1e-13, "{y} {x}");
        }
        assert!((power[[12, 15]] - 1.0).abs() < 1e-15);
        let image = Array2::from_elem((25, 30), 2.0);
        let corrected = correct(&image, &power, 0.5);
        for (p, c) in power.iter().zip(&corrected) {
            assert_eq!(*c, if *p >= 0.5 { 2.0 / p } else { 0.0 });
        }
        assert!(effective_power(&g, &classes[..1], &terms).is_err());
    }
}
