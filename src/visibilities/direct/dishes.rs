//! Beams of any shape as the stations of a direct sum see them.

use crate::telescope::beam::{ShapedBeams, StationResponse};
use crate::visibilities::geometry::Instant;
use crate::visibilities::product::FormedBeams;

/// The stations of an array with such beams, in the order in which they stand side by side.
pub(super) struct Dishes<'a> {
    shaped: &'a ShapedBeams,
    order: Vec<usize>,
    /// Each has its own: mounts turn station by station.
    beam_of: Vec<usize>,
    centre: [f64; 3],
}

impl<'a> Dishes<'a> {
    pub fn new(shaped: &'a ShapedBeams, order: &[usize], centre: [f64; 3]) -> Dishes<'a> {
        Dishes { shaped, order: order.to_vec(), beam_of: (0..order.len()).collect(), centre }
    }

    pub fn formed(&self, instant: &Instant, freq_hz: &[f64]) -> FormedBeams<'_> {
        let at = |freq_hz: &f64| {
            let slices = self.shaped.at(*freq_hz);
            let form = |station: &usize| {
                let centre = instant.aim(*station).unwrap_or(self.centre);
                StationResponse::Dish(self.shaped.form(&slices, *station, instant.horizon(*station), centre))
            };
            self.order.iter().map(form).collect()
        };
        FormedBeams { formed: freq_hz.iter().map(at).collect(), weights: None, scale: Vec::new(), of: &self.beam_of }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Watch;
    use crate::formats::visibilities::Polarisations;
    use crate::telescope::beam::{
        BeamTable, GaussianBeam, Grid, Interpolation, KatBand, Mount, Quantity, Shape, StationBeams, VoltageBeam,
    };
    use crate::units::{C_M_S, RaDec};
    use crate::visibilities::direct::{DirectSky, Summing, predict_direct};
    use crate::visibilities::testing::{continental_array, gast_rad, point, table, track};
    use rustfft::num_complex::Complex64;
    use std::f64::consts::TAU;
    use std::sync::Arc;

    const FREQ_HZ: [f64; 2] = [1.30e9, 1.42e9];

    /// A complex table of four voltages, linear in l and m, which interpolation reproduces.
    fn slanted() -> BeamTable {
        let grid = Grid { first: -0.02, step: 0.01, count: 5 };
        let values = (0..25).flat_map(|k| voltages(-0.02 + 0.01 * (k % 5) as f64, -0.02 + 0.01 * (k / 5) as f64));
        BeamTable {
            l: grid,
            m: grid,
            freq_hz: Vec::new(),
            components: 4,
            values: values.collect(),
            quantity: Quantity::Voltage,
            interpolation: Interpolation::Cubic,
            name: "slanted".into(),
        }
    }

    fn voltages(l: f64, m: f64) -> [Complex64; 4] {
        [
            Complex64::new(1.0 + 20.0 * l, m),
            Complex64::new(0.1, 5.0 * l),
            Complex64::new(10.0 * m, -0.2),
            Complex64::new(0.8, -30.0 * m),
        ]
    }

    /// Three stations of a continent, each with another beam, against V = sum K E_p R_p B R_q^H E_q^H with the parallactic angle from
    /// hour angle and declination, at the pointing and at the source.
    #[test]
    fn stations_see_through_beams_that_turn_with_their_own_zenith() {
        let telescope = continental_array();
        let track = track(-35.0, -1.2);
        let centre = track.phase_centre;
        let circle = Arc::new(GaussianBeam { diameter_m: 13.5 });
        let shapes =
            vec![Shape::Katbeam(KatBand::L), Shape::Table(Arc::new(slanted())), Shape::Circular(circle.clone())];
        let stations = telescope.stations.len();
        let shape_of: Vec<usize> = (0..stations).map(|k| k % 3).collect();
        let list = [
            point(RaDec::from_lm(0.004, -0.007, centre), [2.0, 0.3, -0.2, 0.1]),
            point(RaDec::from_lm(-0.011, 0.002, centre), [1.0, 0.0, 0.4, -0.3]),
            // beyond the table
            point(RaDec::from_lm(0.03, 0.01, centre), [1.5, 0.0, 0.0, 0.0]),
        ];
        for (mount, polarisations) in [
            (Mount::AltAz, Polarisations::Linear),
            (Mount::Equatorial, Polarisations::Linear),
            (Mount::AltAz, Polarisations::I),
        ] {
            let shaped = ShapedBeams { shapes: shapes.clone(), shape_of: shape_of.clone(), mount };
            let beams = StationBeams::of_shapes(Arc::new(shaped));
            let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, polarisations);
            let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
            predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
            let angle = |station: usize, direction: RaDec, mjd: f64| {
                let place = telescope.geodetic(station);
                let hour_angle = gast_rad(mjd) + place.lon_rad - direction.ra_rad;
                let (sin_lat, cos_lat) = place.lat_rad.sin_cos();
                let (sin_dec, cos_dec) = direction.dec_rad.sin_cos();
                let up = sin_lat * sin_dec + cos_lat * cos_dec * hour_angle.cos() > 0.0;
                let p = (cos_lat * hour_angle.sin()).atan2(sin_lat * cos_dec - cos_lat * sin_dec * hour_angle.cos());
                (p, up)
            };
            let jones = |station: usize, direction: RaDec, mjd: f64, freq_hz: f64| -> [Complex64; 4] {
                let (at_source, up) = angle(station, direction, mjd);
                if !up {
                    return [Complex64::ZERO; 4];
                }
                let [l, m, _] = direction.lmn(centre);
                let p = if mount == Mount::AltAz { angle(station, centre, mjd).0 } else { 0.0 };
                let (l, m) = (l * p.cos() - m * p.sin(), l * p.sin() + m * p.cos());
                let real = |x: f64, y: f64| [x, 0.0, 0.0, y].map(Complex64::from);
                let e = match station % 3 {
                    0 => {
                        let scale = l.hypot(m).asin().to_degrees() / l.hypot(m);
                        let [h, v] = KatBand::L.feeds(freq_hz).map(|feed| feed.voltage([-l * scale, m * scale]));
                        real(h, v)
                    }
                    1 if l.abs() > 0.02 || m.abs() > 0.02 => real(0.0, 0.0),
                    1 => voltages(l, m),
                    _ => {
                        let voltage = circle.voltage(l.hypot(m), freq_hz);
                        real(voltage, voltage)
                    }
                };
                let turn = if mount == Mount::AltAz { at_source } else { 0.0 };
                let (s, c) = turn.sin_cos();
                [e[0] * c + e[1] * s, e[1] * c - e[0] * s, e[2] * c + e[3] * s, e[3] * c - e[2] * s]
            };
            let (mut largest, mut seen) = (0.0f64, 0.0f64);
            for row in 0..t.uvw_m.nrows() {
                let (p, q) = (t.antenna1[row] as usize, t.antenna2[row] as usize);
                for (channel, freq_hz) in FREQ_HZ.into_iter().enumerate() {
                    let mut sum = vec![Complex64::ZERO; t.vis.dim().2];
                    for source in &list {
                        let [l, m, n] = source.direction.lmn(centre);
                        let [u, v, w] = [0, 1, 2].map(|k| t.uvw_m[[row, k]] * freq_hz / C_M_S);
                        let phasor = Complex64::cis(TAU * (u * l + v * m + w * (n - 1.0)));
                        let [a, b] = [p, q].map(|s| jones(s, source.direction, t.time_mjd_utc[row], freq_hz));
                        let b = b.map(|v| v.conj());
                        let [i, sq, su, sv] = source.stokes_jy;
                        if sum.len() == 1 {
                            // circles have a sign, the others the root of their power
                            let size = |j: [Complex64; 4]| (0.5 * j.iter().map(|v| v.norm_sqr()).sum::<f64>()).sqrt();
                            sum[0] += phasor * i * size(a) * size(b);
                            continue;
                        }
                        let bright = [
                            Complex64::from(i + sq),
                            Complex64::new(su, sv),
                            Complex64::new(su, -sv),
                            Complex64::from(i - sq),
                        ];
                        for (product, out) in sum.iter_mut().enumerate() {
                            for x in 0..2 {
                                for y in 0..2 {
                                    *out +=
                                        phasor * a[product / 2 * 2 + x] * bright[x * 2 + y] * b[product % 2 * 2 + y];
                                }
                            }
                        }
                    }
                    for (product, want) in sum.into_iter().enumerate() {
                        largest = largest.max((t.vis[[row, channel, product]] - want).norm());
                        seen = seen.max(want.norm());
                    }
                }
            }
            // the phase of 5000 km at 1.4 GHz is 1e8 rad
            assert!(largest < 1e-6 && seen > 1.0, "{mount:?} {polarisations:?}: {largest} of {seen}");
        }
    }

    #[test]
    fn routes_for_circles_and_frequencies_beyond_a_table_are_refused() {
        let telescope = continental_array();
        let track = track(-35.0, -1.2);
        let shapes = vec![Shape::Katbeam(KatBand::Uhf)];
        let shaped = ShapedBeams { shapes, shape_of: vec![0; telescope.stations.len()], mount: Mount::AltAz };
        let beams = StationBeams::of_shapes(Arc::new(shaped));
        let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
        let list = [point(track.phase_centre, [1.0, 0.0, 0.0, 0.0])];
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        let message = predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent())
            .unwrap_err()
            .to_string();
        assert!(message.contains("550 to 1050 MHz") && message.contains("1300.000000 MHz"), "{message}");
        let message = beams.require_circular("imaging by PSFs").unwrap_err().to_string();
        assert!(message.contains("imaging by PSFs takes circular beams alone"), "{message}");
    }
}
