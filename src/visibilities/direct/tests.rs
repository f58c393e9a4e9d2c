use super::*;
use crate::formats::visibilities::Polarisations;
use crate::math::space::cross;
use crate::math::vectors::Vectors;
use crate::sky::components::{GaussianShape, Spectrum};
use crate::telescope::array::{Aim, ApertureArrays, DipoleLength, Element, Pattern, Taper};
use crate::telescope::beam::VoltageBeam;
use crate::telescope::beam::{AiryBeam, BeamChoice, GaussianBeam, Isotropic};
use crate::telescope::{Geodetic, Telescope};
use crate::units::ARCSEC_RAD;
use crate::units::C_M_S;
use crate::visibilities::product::BLOCK;
use crate::visibilities::testing::{
    continental_array, enu_array, gast_rad, point, small_array, table, track, with_threads,
};
use crate::visibilities::{Correlations, Pointing, StationPointing, Track};
use ndarray::Axis;
use ndarray::{Array3, s};
use std::f64::consts::{FRAC_PI_2, PI};
use std::sync::Arc;

const FREQ_HZ: [f64; 2] = [1.30e9, 1.42e9];

fn predicted(
    telescope: &Telescope,
    track: &Track,
    polarisations: Polarisations,
    list: &[Component],
) -> VisibilityTable {
    let (mut t, instants) = table(telescope, track, &FREQ_HZ, polarisations);
    let beams = StationBeams::new(telescope, BeamChoice::None);
    let sky = DirectSky::Components { list, snap_tolerance: 0.0 };
    predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
    t
}

/// exp(2 pi i (u l + v m + w (n - 1)) nu / c), spelt out.
fn phasor(t: &VisibilityTable, row: usize, channel: usize, direction: RaDec) -> Complex64 {
    let [l, m, n] = direction.lmn(t.phase_centre);
    let [u, v, w] = [0, 1, 2].map(|k| t.uvw_m[[row, k]]);
    Complex64::cis(2.0 * PI * (u * l + v * m + w * (n - 1.0)) * t.freq_hz[channel] / C_M_S)
}

/// Points about `centre`, of every polarisation.
fn scattered(centre: RaDec) -> Vec<Component> {
    let stokes =
        [[2.0, 0.0, 0.0, 0.0], [1.0, 0.4, 0.0, 0.0], [1.5, 0.0, -0.6, 0.0], [0.7, 0.1, 0.2, 0.3], [3.0, 0.0, 0.0, 1.0]];
    stokes
        .iter()
        .enumerate()
        .map(|(k, s)| {
            let (sin, cos) = (1.1 * k as f64).sin_cos();
            point(RaDec::from_lm(0.004 * k as f64 * cos, 0.004 * k as f64 * sin, centre), *s)
        })
        .collect()
}

#[test]
fn a_source_at_the_phase_centre_gives_its_flux_everywhere() {
    let track = track(-35.0, -0.4);
    let mut source = point(track.phase_centre, [2.5, 0.0, 0.0, 0.0]);
    source.spectrum = Spectrum::LogPolynomial { reference_hz: 1.42e9, terms: vec![-0.7] };
    let t = predicted(&small_array(), &track, Polarisations::I, &[source]);
    for (channel, freq) in FREQ_HZ.iter().enumerate() {
        let expected = 2.5 * (freq / 1.42e9).powf(-0.7);
        assert!(t.vis.slice(s![.., channel, ..]).iter().all(|v| (v - expected).norm() < 1e-13));
    }
}

#[test]
fn a_swapped_baseline_is_the_hermitian_conjugate() {
    let (telescope, track) = (small_array(), track(-35.0, 0.7));
    let list = scattered(track.phase_centre);
    let t = predicted(&telescope, &track, Polarisations::Linear, &list);
    let (mut swapped, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::Linear);
    swapped.uvw_m.mapv_inplace(|x| -x);
    std::mem::swap(&mut swapped.antenna1, &mut swapped.antenna2);
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    predict_direct(&mut swapped, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
    for (a, b) in t.vis.lanes(Axis(2)).into_iter().zip(swapped.vis.lanes(Axis(2))) {
        for (p, q) in [(0, 0), (1, 2), (2, 1), (3, 3)] {
            assert!((a[p] - b[q].conj()).norm() < 1e-12);
        }
    }
}

/// V = sum K R_p B R_q^H with 2x2 matrices, the parallactic angle from hour angle and declination.
#[test]
fn polarisation_turns_with_the_parallactic_angle_of_each_station() {
    let telescope = continental_array();
    let track = track(-35.0, -1.2);
    let list = scattered(track.phase_centre);
    let t = predicted(&telescope, &track, Polarisations::Linear, &list);
    type Matrix = [[Complex64; 2]; 2];
    let times = |a: Matrix, b: Matrix| [0, 1].map(|i| [0, 1].map(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j]));
    let real = |x: f64| Complex64::new(x, 0.0);
    let rotation = |place: Geodetic, direction: RaDec, mjd: f64| -> Matrix {
        let hour_angle = gast_rad(mjd) + place.lon_rad - direction.ra_rad;
        let (sin_lat, cos_lat) = place.lat_rad.sin_cos();
        let (sin_dec, cos_dec) = direction.dec_rad.sin_cos();
        let angle = (cos_lat * hour_angle.sin()).atan2(sin_lat * cos_dec - cos_lat * sin_dec * hour_angle.cos());
        [[real(angle.cos()), real(-angle.sin())], [real(angle.sin()), real(angle.cos())]]
    };
    for row in 0..t.uvw_m.nrows() {
        let [p, q] = [t.antenna1[row], t.antenna2[row]].map(|a| telescope.geodetic(a as usize));
        for channel in 0..2 {
            let mut sum = [[real(0.0); 2]; 2];
            for source in &list {
                let [i, stokes_q, u, v] = source.stokes_jy;
                let b = [[real(i + stokes_q), Complex64::new(u, v)], [Complex64::new(u, -v), real(i - stokes_q)]];
                let left = rotation(p, source.direction, t.time_mjd_utc[row]);
                let right = rotation(q, source.direction, t.time_mjd_utc[row]);
                let right = [[right[0][0], right[1][0]], [right[0][1], right[1][1]]];
                let k = phasor(&t, row, channel, source.direction);
                let product = times(times(left, b), right);
                for (x, y) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    sum[x][y] += k * product[x][y];
                }
            }
            for (k, expected) in sum.iter().flatten().enumerate() {
                // the phase of 5000 km at 1.4 GHz is 1e8 rad
                assert!((t.vis[[row, channel, k]] - expected).norm() < 1e-6, "row {row}, product {k}");
            }
        }
    }
    // the stations see the sky turned differently: an unpolarised source has cross products
    assert!(t.vis.slice(s![.., .., 1]).iter().any(|v| v.norm() > 0.5));
}

#[test]
fn a_source_below_the_horizon_of_either_station_gives_nothing() {
    let telescope = continental_array();
    let track = track(-20.0, 0.0);
    for polarisations in [Polarisations::I, Polarisations::Linear] {
        let source = point(track.phase_centre, [1.0, 0.0, 0.0, 0.0]);
        let t = predicted(&telescope, &track, polarisations, &[source]);
        let (mut dark, mut lit) = (0, 0);
        for row in 0..t.uvw_m.nrows() {
            let up = [t.antenna1[row], t.antenna2[row]].iter().all(|a| {
                let place = telescope.geodetic(*a as usize);
                let hour_angle = gast_rad(t.time_mjd_utc[row]) + place.lon_rad - track.phase_centre.ra_rad;
                let (sin_dec, cos_dec) = track.phase_centre.dec_rad.sin_cos();
                place.lat_rad.sin() * sin_dec + place.lat_rad.cos() * cos_dec * hour_angle.cos() > 0.0
            });
            let size = t.vis.slice(s![row, .., ..]).iter().map(|v| v.norm()).fold(0.0, f64::max);
            assert!(if up { (size - 1.0).abs() < 0.3 } else { size == 0.0 }, "row {row}: {size}");
            (if up { lit += 1 } else { dark += 1 });
        }
        assert!(dark > 0 && lit > 0);
    }
}

/// For stations that see the sky turned alike; a kilometre turns the zenith by 1.6e-4 rad, which
/// enters I, Q and U in second order (and V in first: there is none here).
#[test]
fn half_the_sum_of_xx_and_yy_is_the_scalar_mode() {
    let (telescope, track) = (small_array(), track(10.0, -1.2));
    let mut list = scattered(track.phase_centre);
    list.iter_mut().for_each(|c| c.stokes_jy[3] = 0.0);
    let scalar = predicted(&telescope, &track, Polarisations::I, &list);
    let linear = predicted(&telescope, &track, Polarisations::Linear, &list);
    for (i, pols) in scalar.vis.iter().zip(linear.vis.lanes(Axis(2))) {
        assert!((0.5 * (pols[0] + pols[3]) - i).norm() < 1e-6);
    }
}

#[test]
fn beams_of_two_station_types_multiply_per_baseline_and_channel() {
    let (telescope, track) = (small_array(), track(-35.0, 0.2));
    let (gaussian, airy) = (GaussianBeam { diameter_m: 13.5 }, AiryBeam { diameter_m: 15.0 });
    let beams = StationBeams::of_classes(vec![Arc::new(gaussian), Arc::new(airy)], vec![1, 0, 0, 1, 0]);
    let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
    let list = scattered(track.phase_centre);
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    predict_direct(&mut t, sky, Some((&instants, &beams)), None, Summing::Float64, &Watch::silent()).unwrap();
    let voltage = |station: u32, sin_theta: f64, freq: f64| match station {
        0 | 3 => airy.voltage(sin_theta, freq),
        _ => gaussian.voltage(sin_theta, freq),
    };
    for row in 0..t.uvw_m.nrows() {
        for (channel, freq) in FREQ_HZ.iter().enumerate() {
            let term = |c: &Component| {
                let [l, m, _] = c.direction.lmn(t.phase_centre);
                let [p, q] = [t.antenna1[row], t.antenna2[row]].map(|a| voltage(a, l.hypot(m), *freq));
                phasor(&t, row, channel, c.direction) * (c.stokes_jy[0] * p * q)
            };
            let expected: Complex64 = list.iter().map(term).sum();
            assert!((t.vis[[row, channel, 0]] - expected).norm() < 1e-11);
        }
    }
}

#[test]
fn dishes_see_nothing_behind_them_and_stations_without_beam_do() {
    let (telescope, track) = (small_array(), track(5.0, -1.3));
    // 100 degrees from the phase centre, above the horizon in the west
    let behind = RaDec { ra_rad: track.phase_centre.ra_rad - 100f64.to_radians(), dec_rad: -0.2 };
    let list = [point(behind, [1.0, 0.0, 0.0, 0.0])];
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
    assert!(instants.iter().all(|i| i.sin_elevation(0, behind.unit_vector()) > 0.0));
    let mut seen = t.clone();
    let dishes = StationBeams::of_classes(vec![Arc::new(AiryBeam { diameter_m: 15.0 })], vec![0; 5]);
    predict_direct(&mut t, sky, Some((&instants, &dishes)), None, Summing::Float64, &Watch::silent()).unwrap();
    assert!(t.vis.iter().all(|v| v.norm() == 0.0));
    let none = StationBeams::of_classes(vec![Arc::new(Isotropic)], vec![0; 5]);
    predict_direct(&mut seen, sky, Some((&instants, &none)), None, Summing::Float64, &Watch::silent()).unwrap();
    assert!(seen.vis.iter().all(|v| (v.norm() - 1.0).abs() < 1e-12));
}

fn cube(centre: RaDec, cell_rad: f64) -> SkyCube {
    let mut flux_jy = Array3::zeros((2, 9, 12));
    for (k, at) in [[0, 0], [8, 11], [4, 6], [3, 7], [2, 2]].into_iter().enumerate() {
        flux_jy[[k % 2, at[0], at[1]]] = 1.0 + k as f64;
    }
    flux_jy[[0, 4, 6]] = -0.5;
    SkyCube { flux_jy, freq_hz: FREQ_HZ.to_vec(), channel_width_hz: 1e5, cell_rad, centre, specsys: "BARYCENT".into() }
}

#[test]
fn pixels_are_points_at_their_centres_with_north_up_and_east_left() {
    let (telescope, track) = (small_array(), track(-35.0, 0.0));
    let cell_rad = 40.0 * ARCSEC_RAD;
    let cube = cube(track.phase_centre, cell_rad);
    let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    let left_out = predict_direct(
        &mut t,
        DirectSky::Cube(&cube),
        Some((&instants, &beams)),
        None,
        Summing::Float64,
        &Watch::silent(),
    )
    .unwrap();
    assert_eq!(left_out.beyond_nyquist, 0);
    for row in 0..t.uvw_m.nrows() {
        for channel in 0..2 {
            let mut expected = Complex64::ZERO;
            for ((y, x), flux) in cube.flux_jy.index_axis(Axis(0), channel).indexed_iter() {
                let (l, m) = ((6.0 - x as f64) * cell_rad, (y as f64 - 4.0) * cell_rad);
                expected += phasor(&t, row, channel, RaDec::from_lm(l, m, track.phase_centre)) * *flux;
            }
            assert!((t.vis[[row, channel, 0]] - expected).norm() < 1e-9);
        }
    }
}

#[test]
fn samples_beyond_the_limit_of_the_pixels_are_flagged_and_left_out() {
    let (telescope, track) = (small_array(), track(-35.0, 0.0));
    let cell_rad = 60.0 * ARCSEC_RAD;
    let cube = cube(track.phase_centre, cell_rad);
    let (mut t, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    let station = Some((instants.as_slice(), &beams));
    let mut all = t.clone();
    predict_direct(&mut all, DirectSky::Cube(&cube), station, None, Summing::Float64, &Watch::silent()).unwrap();
    t.flag.slice_mut(s![..10, .., ..]).fill(true);
    let left_out =
        predict_direct(&mut t, DirectSky::Cube(&cube), station, Some(cell_rad), Summing::Float64, &Watch::silent())
            .unwrap();
    let mut beyond = 0;
    for row in 0..t.uvw_m.nrows() {
        for (channel, freq) in FREQ_HZ.iter().enumerate() {
            let longest = t.uvw_m[[row, 0]].abs().max(t.uvw_m[[row, 1]].abs()) * freq / C_M_S;
            let out = longest >= 0.5 / cell_rad;
            beyond += usize::from(out && row >= 10);
            assert_eq!(t.flag[[row, channel, 0]], out || row < 10);
            let expected = if out || row < 10 { Complex64::ZERO } else { all.vis[[row, channel, 0]] };
            assert_eq!(t.vis[[row, channel, 0]], expected);
        }
    }
    assert_eq!(left_out.beyond_nyquist, beyond);
    assert!(beyond > 0 && beyond < 40, "{beyond}");
}

#[test]
fn the_number_of_threads_and_of_sources_in_a_block_does_not_matter() {
    let (telescope, track) = (small_array(), track(-35.0, 0.1));
    let list: Vec<Component> = (0..2 * BLOCK + 7)
        .map(|k| {
            let (s, c) = (0.7 * k as f64).sin_cos();
            let r = 1e-5 * k as f64;
            let mut source = point(RaDec::from_lm(r * c, r * s, track.phase_centre), [1.0, 0.1, 0.2, 0.0]);
            source.shape = (k % 5 == 0).then_some(GaussianShape { major_rad: 2e-4, minor_rad: 1e-4, angle_rad: 0.3 });
            source
        })
        .collect();
    let of = |list: &[Component]| predicted(&telescope, &track, Polarisations::Linear, list).vis;
    let whole = of(&list);
    assert_eq!(with_threads(1, || of(&list)), with_threads(3, || of(&list)));
    let parts = of(&list[..100]) + of(&list[100..]);
    assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).norm() < 1e-10));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let (telescope, track) = (small_array(), track(-35.0, 0.0));
    let list = scattered(track.phase_centre);
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let beams = StationBeams::new(&telescope, BeamChoice::None);
    let (linear, instants) = table(&telescope, &track, &FREQ_HZ, Polarisations::Linear);
    let (t, _) = table(&telescope, &track, &FREQ_HZ, Polarisations::I);
    let refused = |t: &VisibilityTable, sky: DirectSky, station: Option<(&[Instant], &StationBeams)>, words: &str| {
        let error = predict_direct(&mut t.clone(), sky, station, None, Summing::Float64, &Watch::silent())
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    };
    refused(&linear, sky, None, "only be predicted in Stokes I");
    let other = "does not belong to";
    refused(&t, sky, Some((&instants[..2], &beams)), other);
    refused(&t, sky, Some((&[], &beams)), other);
    let few = StationBeams::of_classes(beams.classes.clone(), vec![0; 4]);
    refused(&t, sky, Some((&instants, &few)), other);
    let reversed: Vec<Instant> = instants.iter().rev().cloned().collect();
    refused(&t, sky, Some((&reversed, &beams)), other);
    let mut bare = t.clone();
    bare.antenna1.clear();
    refused(&bare, sky, Some((&instants, &beams)), other);

    let good = cube(track.phase_centre, 1e-4);
    let station = Some((instants.as_slice(), &beams));
    let channels = "different channels";
    refused(&t, DirectSky::Cube(&SkyCube { freq_hz: vec![1.30e9], ..good.clone() }), station, channels);
    refused(&t, DirectSky::Cube(&SkyCube { freq_hz: vec![1.30e9, 1.4201e9], ..good.clone() }), station, channels);
    let shifted = RaDec { dec_rad: track.phase_centre.dec_rad + 1e-4, ..track.phase_centre };
    refused(&t, DirectSky::Cube(&SkyCube { centre: shifted, ..good.clone() }), station, "not centred");
    refused(&t, DirectSky::Cube(&SkyCube { cell_rad: 0.2, ..good }), station, "more than 90 degrees");
    let flat = GaussianShape { major_rad: 1e-3, minor_rad: 0.0, angle_rad: 0.0 };
    let broken = [Component { shape: Some(flat), ..list[0].clone() }];
    refused(&t, DirectSky::Components { list: &broken, snap_tolerance: 0.0 }, station, "cannot be projected");

    let stop = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let error =
        predict_direct(&mut t.clone(), sky, station, None, Summing::Float64, &Watch::stopped_by(stop)).unwrap_err();
    assert!(error.is_interrupt());
}

/// The sum as it is written: every baseline, source and channel, 2 x 2 matrices of stations, factors of both stations as
/// given by `factor` of row, channel and source.
fn summed(
    empty: &VisibilityTable,
    (sky, sources): (&DirectSky, &[Source]),
    (instants, beams): (&[Instant], &StationBeams),
    factor: &dyn Fn(usize, usize, &Source) -> Complex64,
) -> VisibilityTable {
    let mut t = empty.clone();
    let rows_each = t.uvw_m.nrows() / instants.len();
    let linear = t.vis.dim().2 == 4;
    for (channel, freq_hz) in t.freq_hz.clone().into_iter().enumerate() {
        for (step, instant) in instants.iter().enumerate() {
            // [station][source]
            let jones: Vec<Vec<[Complex64; 4]>> = (0..beams.class_of.len())
                .map(|p| {
                    sources
                        .iter()
                        .map(|s| jones(s, p, instant, beams, step, freq_hz, (linear, empty.phase_centre)))
                        .collect()
                })
                .collect();
            for row in step * rows_each..(step + 1) * rows_each {
                let (p, q) = (t.antenna1[row] as usize, t.antenna2[row] as usize);
                let [u, v, w] = [0, 1, 2].map(|k| t.uvw_m[[row, k]] * freq_hz / C_M_S);
                for (k, s) in sources.iter().enumerate() {
                    let [l, m, n1] = s.lmn1;
                    let taper = s.taper.map_or(1.0, |taper| (-taper.exponent(u, v)).exp());
                    let phasor = Complex64::cis(TAU * (u * l + v * m + w * n1)) * taper * factor(row, channel, s);
                    let [i, sq, su, sv] = sky.stokes(s, channel, freq_hz);
                    let (a, b) = (jones[p][k], jones[q][k].map(|e| e.conj()));
                    if !linear {
                        t.vis[[row, channel, 0]] += phasor * i * a[0] * b[0];
                        continue;
                    }
                    let bright = [
                        Complex64::from(i + sq),
                        Complex64::new(su, sv),
                        Complex64::new(su, -sv),
                        Complex64::from(i - sq),
                    ];
                    for (product, out) in t.vis.slice_mut(s![row, channel, ..]).iter_mut().enumerate() {
                        for x in 0..2 {
                            for y in 0..2 {
                                *out += phasor * a[product / 2 * 2 + x] * bright[x * 2 + y] * b[product % 2 * 2 + y];
                            }
                        }
                    }
                }
            }
        }
    }
    t
}

/// E R of a station; in the scalar mode its first number is E.
fn jones(
    source: &Source,
    station: usize,
    instant: &Instant,
    beams: &StationBeams,
    step: usize,
    freq_hz: f64,
    (linear, centre): (bool, RaDec),
) -> [Complex64; 4] {
    let towards = source.direction.unit_vector();
    if instant.sin_elevation(station, towards) < 0.0 {
        return [Complex64::ZERO; 4];
    }
    let one = [1.0, 0.0, 0.0, 1.0].map(Complex64::from);
    let [l, m, _] = source.lmn1;
    let (off, ahead) = match instant.aim(station) {
        None => (l.hypot(m), true),
        Some(aim) => {
            let cos: f64 = aim.iter().zip(towards).map(|(a, b)| a * b).sum();
            (cos.clamp(-1.0, 1.0).acos().sin(), cos > 0.0)
        }
    };
    let centre = instant.aim(station).unwrap_or(centre.unit_vector());
    let beam = &beams.classes[beams.class_of[station]];
    let voltage = if ahead || beam.is_unity() { beam.voltage(off.min(1.0), freq_hz) } else { 0.0 };
    let e = match &beams.arrays {
        None => one.map(|e| e * voltage),
        Some(arrays) => {
            // all antennas one by one, never by an expansion
            let aim = Aim { freq_hz, step: step as u32, reach: 1e9, count: 1, epsilon: 1e-15 };
            // what looks elsewhere is not shared
            let each = matches!(instant.beams, crate::visibilities::geometry::Beams::Each(_));
            let stands = if each { station } else { arrays.stands_for(station) };
            let formed = arrays.form(stands, instant.horizon(stands), centre, &aim);
            if linear { formed.matrices(&[towards])[0] } else { [formed.voltages(&[towards])[0]; 4] }
        }
    };
    if !linear {
        return e;
    }
    let (cos, sin) = instant.parallactic(station, source.direction);
    [e[0] * cos + e[1] * sin, e[1] * cos - e[0] * sin, e[2] * cos + e[3] * sin, e[3] * cos - e[2] * sin]
}

const DEC_DEG: f64 = -35.0;

/// Sources of every polarisation and, where asked for, every third with a shape, within `reach` of the phase centre.
fn spread(centre: RaDec, number: u32, reach: f64, shapes: bool) -> Vec<Component> {
    (0..number)
        .map(|k| {
            let (radius, angle) = (reach * (f64::from(k) / f64::from(number)).sqrt(), 2.4 * f64::from(k));
            let direction = RaDec::from_lm(radius * angle.cos(), radius * angle.sin(), centre);
            let part = |n: u32| f64::from((k * n + n) % 7) / 7.0 - 0.4;
            let shape = GaussianShape { major_rad: 3e-4, minor_rad: 1e-4, angle_rad: 0.1 * f64::from(k) };
            let shape = (shapes && k % 3 == 0).then_some(shape);
            Component { shape, ..point(direction, [part(2) + 1.0, part(3), part(4), part(5)]) }
        })
        .collect()
}

fn spiral(stations: u32, pitch_m: f64) -> Telescope {
    let place = |k: u32| {
        let (angle, k) = (2.4 * f64::from(k), f64::from(k));
        [pitch_m * k * angle.cos(), pitch_m * k * angle.sin(), 0.1 * k]
    };
    enu_array((0..stations).map(place).collect())
}

/// Whatever the instructions and numbers, the tiles give what `want` holds.
fn agrees(
    empty: &VisibilityTable,
    sky: DirectSky,
    station: (&[Instant], &StationBeams),
    smearing: Smearing,
    want: &VisibilityTable,
    bounds: [f64; 2],
) {
    let norm = |t: &VisibilityTable| t.vis.iter().map(|v| v.norm_sqr()).sum::<f64>().sqrt();
    for with in [Vectors::Plain, Vectors::Avx2, Vectors::Avx512] {
        if with > vectors() {
            continue;
        }
        for (double, bound) in [(true, bounds[0]), (false, bounds[1])] {
            let mut got = empty.clone();
            let (sources, silent) = (collect(&sky, empty).unwrap(), Watch::silent());
            match double {
                true => stations::add::<f64>(&mut got, &sky, sources, station, smearing, with, &silent).unwrap(),
                false => stations::add::<f32>(&mut got, &sky, sources, station, smearing, with, &silent).unwrap(),
            }
            got.vis -= &want.vis;
            let error = norm(&got) / norm(want);
            let worst = got.vis.indexed_iter().max_by(|a, b| a.1.norm().total_cmp(&b.1.norm())).unwrap();
            let (row, pair) = (worst.0, (want.antenna1[worst.0.0], want.antenna2[worst.0.0]));
            assert!(error < bound, "{smearing:?} {with:?} double {double}: {error}, most at {row:?} of {pair:?}");
            assert!(double || error > 1e-12, "nothing was summed in float32");
        }
    }
}

/// Points and Gaussians, some of them below the horizon, on so many stations and sources that neither fills its last block.
#[test]
fn tiles_are_the_sum_of_all_terms() {
    let (telescope, track) = (spiral(37, 30.0), track(DEC_DEG, 1.1));
    let list = spread(track.phase_centre, 301, 0.9, true);
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    for polarisations in [Polarisations::I, Polarisations::Linear] {
        for choice in [BeamChoice::None, BeamChoice::VoltageGaussian { fwhm_rad: 0.8, reference_hz: 1.4e9 }] {
            let (empty, instants) = table(&telescope, &track, &FREQ_HZ, polarisations);
            let mut beams = StationBeams::new(&telescope, choice);
            // every third station has none
            beams.classes.push(Arc::new(Isotropic));
            let last = beams.classes.len() - 1;
            beams.class_of.iter_mut().step_by(3).for_each(|class| *class = last);
            let sources = collect(&sky, &empty).unwrap();
            let below = |s: &Source| instants[0].sin_elevation(3, s.direction.unit_vector()) < 0.0;
            assert!(sources.iter().any(below) && !sources.iter().all(below));
            let want = summed(&empty, (&sky, &sources), (&instants, &beams), &|_, _, _| Complex64::ONE);
            // phases reach 1e4 turns
            agrees(&empty, sky, (&instants, &beams), Smearing::None, &want, [1e-11, 2e-6]);
        }
    }
}

#[test]
fn aperture_arrays_are_the_sum_of_all_antennas() {
    let (telescope, track) = (spiral(21, 40.0), track(DEC_DEG, 0.4));
    let element = |pattern| Element { pattern, taper: Taper::None, feed_angle_rad: [0.1, 0.0] };
    let mut random = crate::math::random::Stream::new(3, [0; 3]);
    let places: Vec<Vec<[f64; 3]>> = (0..3)
        .map(|kind| {
            (0..40 + kind).map(|_| [2.0 * random.normal(), 2.0 * random.normal(), 0.05 * random.normal()]).collect()
        })
        .collect();
    let dipoles = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
    // near enough for expansions, and not
    for (reach, freq_hz) in [(0.05, [150e6, 160e6]), (0.9, [70e6, 300e6])] {
        let list = spread(track.phase_centre, 290, reach, false);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        for (polarisations, pattern) in [
            (Polarisations::I, dipoles.clone()),
            (Polarisations::Linear, dipoles.clone()),
            (Polarisations::Linear, Pattern::Isotropic),
        ] {
            let kind_of = (0..21).map(|k| k % 3).collect();
            let mut arrays = ApertureArrays::from_places(&places, kind_of, &element(pattern.clone()), true);
            arrays.shared = pattern == Pattern::Isotropic;
            let beams = StationBeams::of_arrays(Arc::new(arrays));
            let (empty, instants) = table(&telescope, &track, &freq_hz, polarisations);
            let sources = collect(&sky, &empty).unwrap();
            let want = summed(&empty, (&sky, &sources), (&instants, &beams), &|_, _, _| Complex64::ONE);
            agrees(&empty, sky, (&instants, &beams), Smearing::None, &want, [1e-12, 2e-6]);
        }
    }
}

/// Phases that are carried on, fluxes of each channel, and beams that are formed at fewer frequencies than there are channels.
#[test]
fn channels_summed_together_are_the_sum_of_all_terms() {
    let (telescope, track) = (spiral(13, 60.0), track(DEC_DEG, 0.4));
    let freq_hz: Vec<f64> = (0..36).map(|k| 150e6 + 5e4 * f64::from(k)).collect();
    let mut random = crate::math::random::Stream::new(5, [0; 3]);
    let places: Vec<Vec<[f64; 3]>> =
        (0..13).map(|_| (0..30).map(|_| [2.0 * random.normal(), 2.0 * random.normal(), 0.0]).collect()).collect();
    let arrays = |pattern| {
        let element = Element { pattern, taper: Taper::Cosine { power: 1.0 }, feed_angle_rad: [0.1, 0.0] };
        StationBeams::of_arrays(Arc::new(ApertureArrays::from_places(&places, (0..13).collect(), &element, true)))
    };
    let dishes = BeamChoice::VoltageGaussian { fwhm_rad: 0.8, reference_hz: 1.5e8 };
    let beams = [
        StationBeams::new(&telescope, BeamChoice::None),
        StationBeams::new(&telescope, dishes),
        arrays(Pattern::Dipole(DipoleLength::Wavelengths(0.5))),
        arrays(Pattern::Dipole(DipoleLength::Metres(1.1))),
    ];
    let mut list = spread(track.phase_centre, 270, 0.3, true);
    for (k, component) in list.iter_mut().enumerate() {
        component.spectrum = Spectrum::LogPolynomial { reference_hz: 150e6, terms: vec![-0.7 - 0.01 * k as f64] };
    }
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    for polarisations in [Polarisations::I, Polarisations::Linear] {
        for beams in &beams {
            let (empty, instants) = table(&telescope, &track, &freq_hz, polarisations);
            let sources = collect(&sky, &empty).unwrap();
            let want = summed(&empty, (&sky, &sources), (&instants, beams), &|_, _, _| Complex64::ONE);
            agrees(&empty, sky, (&instants, beams), Smearing::None, &want, [1e-12, 2e-6]);
        }
    }
}

/// Beams that look elsewhere than at the phase centre, some at the sky and some above the ground, and stations with themselves.
#[test]
fn each_station_may_look_elsewhere_and_see_itself() {
    let telescope = spiral(21, 40.0);
    let tracked = track(DEC_DEG, 0.4);
    let centre = tracked.phase_centre;
    let list = spread(centre, 70, 0.2, true);
    let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
    let dishes = StationBeams::new(&telescope, BeamChoice::VoltageGaussian { fwhm_rad: 0.3, reference_hz: 1.4e9 });
    let mut random = crate::math::random::Stream::new(7, [0; 3]);
    let places: Vec<Vec<[f64; 3]>> =
        vec![(0..20).map(|_| [0.3 * random.normal(), 0.3 * random.normal(), 0.0]).collect()];
    let pattern = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
    let element = Element { pattern, taper: Taper::None, feed_angle_rad: [0.0; 2] };
    let mut arrays = ApertureArrays::from_places(&places, vec![0; 21], &element, true);
    arrays.shared = true;
    let arrays = StationBeams::of_arrays(Arc::new(arrays));
    let zenith = |k: usize| telescope.station_zenith(k);
    let each = (0..21).map(|k| match k % 3 {
        0 => StationPointing::PhaseCentre,
        1 => StationPointing::Sky(RaDec::from_lm(0.01 * k as f64, -0.1, centre).unit_vector()),
        _ => StationPointing::Ground(zenith(k)),
    });
    for pointing in [Pointing::Each(each.collect::<Vec<_>>().into()), Pointing::Fixed(zenith(0))] {
        for correlations in [Correlations::Both, Correlations::Auto] {
            let track = Track { pointing: pointing.clone(), correlations, ..tracked.clone() };
            for (beams, polarisations) in [(&dishes, Polarisations::I), (&arrays, Polarisations::Linear)] {
                let (empty, instants) = table(&telescope, &track, &FREQ_HZ, polarisations);
                assert_eq!(empty.uvw_m.nrows(), 3 * if correlations == Correlations::Auto { 21 } else { 231 });
                let sources = collect(&sky, &empty).unwrap();
                let want = summed(&empty, (&sky, &sources), (&instants, beams), &|_, _, _| Complex64::ONE);
                // the twin takes a beam's distance by its cosine
                agrees(&empty, sky, (&instants, beams), Smearing::None, &want, [1e-10, 2e-6]);
            }
        }
    }
}

/// Seconds and hertz that smear the far sources to nothing, and the near ones hardly.
const CELL: Cell = Cell { time_s: 20.0, bandwidth_hz: 2e6, rate_rad_s: EARTH_RATE };

#[test]
fn sines_are_oskars_factors() {
    let (telescope, track) = (spiral(21, 60.0), track(DEC_DEG, 0.4));
    for (reach, shapes) in [(0.3, true), (0.003, false)] {
        let list = spread(track.phase_centre, 290, reach, shapes);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        for polarisations in [Polarisations::I, Polarisations::Linear] {
            let (empty, instants) = table(&telescope, &track, &FREQ_HZ, polarisations);
            let beams = StationBeams::new(&telescope, BeamChoice::None);
            let sources = collect(&sky, &empty).unwrap();
            let rows_each = empty.uvw_m.nrows() / instants.len();
            let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
            let factor = |row: usize, channel: usize, s: &Source| {
                let uvw = [0, 1, 2].map(|k| empty.uvw_m[[row, k]]);
                let rate = cross(instants[row / rows_each].pole_uvw, uvw).map(|x| x * CELL.rate_rad_s);
                let dot = |a: [f64; 3]| a[0] * s.lmn1[0] + a[1] * s.lmn1[1] + a[2] * s.lmn1[2];
                let fringe = dot(rate) * FREQ_HZ[channel] / C_M_S;
                Complex64::from(sinc(dot(uvw) / C_M_S * CELL.bandwidth_hz) * sinc(fringe * CELL.time_s))
            };
            let want = summed(&empty, (&sky, &sources), (&instants, &beams), &factor);
            agrees(&empty, sky, (&instants, &beams), Smearing::Sinc(CELL), &want, [2e-11, 3e-6]);
        }
    }
}

/// Averages against the mean of many samples in the cell, of a track whose every step is one of them.
#[test]
fn averages_are_the_mean_of_many_samples() {
    let telescope = spiral(13, 150.0);
    let whole = Track { steps: 1, step_s: 240.0, ..track(DEC_DEG, 0.4) };
    for (reach, width_hz, time_s) in [(0.02, 3e6, 10.0), (0.04, 2e6, 10.0), (0.04, 3e5, 240.0)] {
        let list = spread(whole.phase_centre, 40, reach, false);
        let sky = DirectSky::Components { list: &list, snap_tolerance: 0.0 };
        let beams = StationBeams::new(&telescope, BeamChoice::None);
        let (empty, instants) = table(&telescope, &whole, &FREQ_HZ[..1], Polarisations::I);
        let (times, channels) = (200, 160);
        let freq_hz: Vec<f64> =
            (0..channels).map(|k| FREQ_HZ[0] + width_hz * ((k as f64 + 0.5) / channels as f64 - 0.5)).collect();
        let start = whole.start_mjd_utc + (0.5 * whole.step_s - 0.5 * time_s) / 86_400.0;
        let fine = Track { start_mjd_utc: start, step_s: time_s / times as f64, steps: times, ..whole.clone() };
        let (mut many, fine_instants) = table(&telescope, &fine, &freq_hz, Polarisations::I);
        predict_direct(&mut many, sky, Some((&fine_instants, &beams)), None, Summing::Float64, &Watch::silent())
            .unwrap();
        let rows = empty.uvw_m.nrows();
        let mut want = empty.clone();
        for (row, vis) in many.vis.axis_iter(Axis(0)).enumerate() {
            want.vis[[row % rows, 0, 0]] += vis.sum() / (times * channels) as f64;
        }
        let cell = Cell { time_s, bandwidth_hz: width_hz, rate_rad_s: EARTH_RATE };
        let total: f64 = list.iter().map(|c| c.stokes_jy[0]).sum();
        let mut unsmeared = empty.clone();
        let station = Some((&instants[..], &beams));
        predict_direct(&mut unsmeared, sky, station, None, Summing::Float64, &Watch::silent()).unwrap();
        let worst =
            |t: &VisibilityTable| t.vis.iter().zip(&want.vis).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max) / total;
        let mut reached = Vec::new();
        for (smearing, summing) in [
            (Smearing::Average { cell, epsilon: 1e-4 }, Summing::Float64),
            (Smearing::Average { cell, epsilon: 1e-6 }, Summing::Float64),
            (Smearing::Average { cell, epsilon: 1e-4 }, Summing::Float32),
            (Smearing::Sinc(cell), Summing::Float64),
        ] {
            let mut got = empty.clone();
            let options = DirectOptions { summing, smearing };
            predict_direct(&mut got, sky, station, None, options, &Watch::silent()).unwrap();
            reached.push(worst(&got));
        }
        // 200 x 160 samples miss the mean by 6e-6
        assert!(reached[0] < 1e-4 && reached[1] < 1e-5 && reached[2] < 1e-4, "{reach} {time_s}: {reached:?}");
        assert!(worst(&unsmeared) > 1e-2, "{reach} {time_s}: nothing is smeared");
        assert!(time_s < 100.0 || reached[3] > 3.0 * reached[0], "{reach}: {reached:?}");
    }
}

/// Averages of what changes within a step: parallactic angles of polarised sources, beams that drift, antennas, shapes.
#[test]
fn averages_follow_what_stations_make_of_sources() {
    let telescope = spiral(9, 90.0);
    // near the zenith, where the sky turns fast
    let hour = track(-29.0, 0.0);
    let start_mjd_utc = hour.mid_mjd_utc(0) - 60.0 / 86_400.0;
    let whole = Track { steps: 1, step_s: 120.0, start_mjd_utc, ..hour };
    let centre = whole.phase_centre;
    let (times, time_s, freq_hz) = (600, 120.0, [1.4e9]);
    let polarised: Vec<Component> = spread(centre, 30, 0.02, false);
    let wide: Vec<Component> = spread(centre, 30, 0.02, true)
        .into_iter()
        .map(|mut c| {
            c.stokes_jy = [c.stokes_jy[0], 0.0, 0.0, 0.0];
            c.shape = c.shape.map(|s| GaussianShape { major_rad: 2e-3, minor_rad: 2e-4, ..s });
            c
        })
        .collect();
    let dishes = StationBeams::new(&telescope, BeamChoice::VoltageGaussian { fwhm_rad: 0.05, reference_hz: 1.4e9 });
    let none = StationBeams::new(&telescope, BeamChoice::None);
    let mut random = crate::math::random::Stream::new(8, [0; 3]);
    let places: Vec<Vec<[f64; 3]>> =
        (0..9).map(|_| (0..20).map(|_| [2.0 * random.normal(), 2.0 * random.normal(), 0.0]).collect()).collect();
    let pattern = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
    let element = Element { pattern, taper: Taper::None, feed_angle_rad: [0.0; 2] };
    let arrays =
        StationBeams::of_arrays(Arc::new(ApertureArrays::from_places(&places, (0..9).collect(), &element, true)));
    let drift = Pointing::Fixed(telescope.station_zenith(0));
    for (name, list, beams, pointing, polarisations) in [
        ("polarised", &polarised, &none, Pointing::PhaseCentre, Polarisations::Linear),
        ("drift", &polarised, &dishes, drift, Polarisations::I),
        ("antennas", &polarised, &arrays, Pointing::PhaseCentre, Polarisations::Linear),
        ("shapes", &wide, &none, Pointing::PhaseCentre, Polarisations::I),
    ] {
        let whole = Track { pointing, ..whole.clone() };
        let sky = DirectSky::Components { list, snap_tolerance: 0.0 };
        let (empty, instants) = table(&telescope, &whole, &freq_hz, polarisations);
        let fine = Track { step_s: time_s / times as f64, steps: times, ..whole.clone() };
        let (mut many, fine_instants) = table(&telescope, &fine, &freq_hz, polarisations);
        predict_direct(&mut many, sky, Some((&fine_instants, beams)), None, Summing::Float64, &Watch::silent())
            .unwrap();
        let rows = empty.uvw_m.nrows();
        let mut want = empty.clone();
        for (row, vis) in many.vis.axis_iter(Axis(0)).enumerate() {
            want.vis.index_axis_mut(Axis(0), row % rows).scaled_add(Complex64::from(1.0 / times as f64), &vis);
        }
        let total: f64 = list.iter().map(|c| c.stokes_jy[0].abs()).sum();
        let cell = Cell { time_s, bandwidth_hz: 0.0, rate_rad_s: EARTH_RATE };
        let worst = |epsilon: f64, responses: bool| {
            let mut got = empty.clone();
            let options = DirectOptions { summing: Summing::Float64, smearing: Smearing::Average { cell, epsilon } };
            predict_direct(&mut got, sky, Some((&instants, beams)), None, options, &Watch::silent()).unwrap();
            let error = got.vis.iter().zip(&want.vis).map(|(a, b)| (a - b).norm()).fold(0.0, f64::max) / total;
            assert!(!responses || error < epsilon, "{name} to {epsilon}: {error}");
            error
        };
        // 600 samples are the mean to 1e-6 of what is left of the flux
        let reached = [worst(1e-3, true), worst(1e-4, true), worst(1e-5, true)];
        assert!(reached[2] < reached[0], "{name}: {reached:?}");
    }
}

#[test]
fn points_sum_to_the_formula() {
    assert_eq!(sum_points(&[[0.0, 0.0]], &[3.0], &[[1e6, -2e6, 5e5]]), [Complex64::new(3.0, 0.0)]);
    let (l, m) = (0.6, -0.5);
    let n = (1.0f64 - 0.36 - 0.25).sqrt();
    let expected = Complex64::cis(4.0 * FRAC_PI_2 * (10.0 * l - 4.0 * m + 7.0 * (n - 1.0)));
    assert!((sum_points(&[[l, m]], &[1.0], &[[10.0, -4.0, 7.0]])[0] - expected).norm() < 1e-13);
}
