use crate::error::{Error, Result, Watch};
use crate::sky::cells::GasCells;
use crate::sky::kernel::KERNEL_FACTOR;
use crate::sky::orient::{BoxAxis, Orientation};
use crate::sky::project::project;
use crate::sky::spread::{Footprint, SMALLEST_SAMPLED_PX};
use std::f64::consts::PI;

/// Widest map of face-on columns, pixels.
const WIDEST_PX: f64 = 8192.0;

/// Surface density at every cell, Msun/pc^2, of the mass in `cells.hi_mass_msun` seen face-on about its spin, on pixels
/// of `pixel_kpc`, between which it is interpolated; and a note where there is no face.
///
/// # Errors
/// A selection too wide for such pixels; stopped by the user.
pub(super) fn face_on_columns(cells: &GasCells, pixel_kpc: f64, watch: &Watch) -> Result<(Vec<f64>, Option<String>)> {
    let (rotation, note) = match Orientation::face_on().rotation(cells) {
        Ok(rotation) => (rotation, None),
        Err(_) => {
            let note = "the neutral hydrogen does not rotate: surface densities for H2 along the z axis of the box";
            (Orientation::Box(BoxAxis::Z).rotation(cells)?, Some(note.to_string()))
        }
    };
    let seen: Vec<[f64; 3]> = cells.position_kpc.iter().map(|p| rotation.apply(*p)).collect();
    let ends = |k: usize| {
        seen.iter().map(|p| p[k]).fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
    };
    let [[left, right], [bottom, top]] = [ends(0), ends(1)];
    let [width, height] = [right - left, top - bottom].map(|length| (length / pixel_kpc).ceil() + 2.0);
    if width.max(height) > WIDEST_PX {
        return Err(Error::input("the selection is too wide for surface densities seen face-on")
            .found(format!("{:.0} kpc in pixels of {pixel_kpc} kpc", (right - left).max(top - bottom)))
            .expected(format!("at most {WIDEST_PX} pixels"))
            .hint("select less gas (sky.radius), or take sky.h2_geometry = \"volumetric\""));
    }
    let places: Vec<Footprint> = seen
        .iter()
        .zip(&cells.volume_kpc3)
        .map(|(p, volume)| Footprint {
            x_px: (p[0] - left) / pixel_kpc,
            y_px: (p[1] - bottom) / pixel_kpc,
            // small cells on single pixels would beat with these
            support_px: (KERNEL_FACTOR * (0.75 / PI * volume).cbrt() / pixel_kpc).max(SMALLEST_SAMPLED_PX),
        })
        .collect();
    let map = &project(&places, &[&cells.hi_mass_msun], width as usize, height as usize, watch)?.maps[0];
    let per_pc2 = 1.0 / (pixel_kpc * 1e3).powi(2);
    let at = |place: &Footprint| {
        let (i, j) = (place.x_px as usize, place.y_px as usize);
        let (u, v) = (place.x_px - i as f64, place.y_px - j as f64);
        let row = |j: usize| (1.0 - u) * map[[j, i]] + u * map[[j, i + 1]];
        per_pc2 * ((1.0 - v) * row(j) + v * row(j + 1))
    };
    Ok((places.iter().map(at).collect(), note))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A slab of 10 by 10 by 1 kpc, even, turning about its short axis, which lies along `axis` of the box.
    fn slab(axis: usize) -> GasCells {
        let (n, step) = (40, 0.25);
        let mut cells = GasCells { scale_factor: 1.0, ..GasCells::default() };
        for (i, j, k) in (0..n * n * 4).map(|c| (c % n, c / n % n, c / (n * n))) {
            let [x, y] = [i, j].map(|v| step * (f64::from(v) + 0.5 - 0.5 * f64::from(n)));
            let z = step * (f64::from(k) - 1.5);
            let put = |v: [f64; 3]| [0, 1, 2].map(|m| v[(m + 2 - axis) % 3]);
            cells.position_kpc.push(put([x, y, z]));
            cells.velocity_km_s.push(put([-20.0 * y, 20.0 * x, 0.0]));
            // 5e6 Msun/kpc^3, 5 Msun/pc^2 over the whole thickness
            cells.hi_mass_msun.push(5e6 * step.powi(3));
            cells.volume_kpc3.push(step.powi(3));
        }
        cells
    }

    #[test]
    fn a_slab_has_its_column_however_it_lies() {
        for axis in 0..3 {
            let cells = slab(axis);
            for pixel_kpc in [0.1, 0.2, 0.4] {
                let (columns, note) = face_on_columns(&cells, pixel_kpc, &Watch::silent()).unwrap();
                assert_eq!(note, None);
                for (p, column) in cells.position_kpc.iter().zip(&columns) {
                    // away from the edge by more than the kernel's reach; kernels on a lattice ripple by 4 %
                    if (0..3).filter(|k| *k != axis).all(|k| p[k].abs() < 4.0) {
                        assert!((column / 5.0 - 1.0).abs() < 0.05, "{axis} {pixel_kpc} {p:?}: {column}");
                    }
                }
            }
        }
    }

    #[test]
    fn gas_at_rest_and_gas_too_wide() {
        let mut cells = slab(2);
        cells.velocity_km_s.iter_mut().for_each(|v| *v = [3.0; 3]);
        let (columns, note) = face_on_columns(&cells, 0.2, &Watch::silent()).unwrap();
        assert!(note.unwrap().contains("does not rotate") && (columns[40 * 20 + 20] / 5.0 - 1.0).abs() < 0.05);
        cells.position_kpc[0] = [3000.0, 0.0, 0.0];
        let error = face_on_columns(&cells, 0.2, &Watch::silent()).unwrap_err().to_string();
        assert!(error.contains("too wide") && error.contains("sky.radius"), "{error}");
    }
}
