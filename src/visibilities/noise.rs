use super::input::flag_beyond_nyquist;
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::random::normal_pair;
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;
use std::f64::consts::SQRT_2;

/// Last counter word of the noise, with the polarisation in its low bits: other uses of a seed are
/// independent of it ("noi").
const NOISE_STREAM: u32 = 0x6e6f_6900;

/// sigma_pq = sqrt(SEFD_p SEFD_q / (2 dnu dt)), Jy, per real and imaginary part of one of XX..YY
/// (Thompson, Moran & Swenson 2017, eq. 6.50; SEFDs of one polarisation).
pub fn noise_sigma_jy(sefd_p_jy: f64, sefd_q_jy: f64, channel_width_hz: f64, integration_time_s: f64) -> f64 {
    (sefd_p_jy * sefd_q_jy / (2.0 * channel_width_hz * integration_time_s)).sqrt()
}

/// Flags and weights as prediction and noise leave them, without either: samples beyond the Nyquist limit of pixels of
/// `cell_rad` are flagged, and weights are those of `sefd_jy` where they are known.
///
/// # Errors
/// Those of [`add_thermal_noise`].
pub fn weigh(table: &mut VisibilityTable, sefd_jy: Option<&[f64]>, cell_rad: Option<f64>, watch: &Watch) -> Result<()> {
    flag_beyond_nyquist(table, cell_rad);
    match sefd_jy {
        Some(sefd_jy) => add_thermal_noise(table, sefd_jy, None, watch),
        None => Ok(()),
    }
}

/// Sets the weights of `table` to 1/sigma^2 and, when `seed` is given, adds the noise itself.
///
/// `sefd_jy` holds one SEFD of one polarisation for each station. Visibilities of "I" are
/// (XX + YY)/2, so their sigma is smaller by sqrt 2. Each number is keyed by seed, baseline, time step,
/// channel and polarisation, so it does not depend on threads or on what else is drawn. The table must
/// name its stations and times, its channel width and its integration time.
///
/// A station with itself has the noise of its power, real and with sigma larger by sqrt 2 in XX and YY (the mean power of the
/// receiver is left out), and YX is the conjugate of XY.
pub fn add_thermal_noise(table: &mut VisibilityTable, sefd_jy: &[f64], seed: Option<u64>, watch: &Watch) -> Result<()> {
    add_thermal_noise_of(table, Part::default(), sefd_jy, seed, watch)
}

/// Which part of an observation a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// Number of its first time step.
    pub step: usize,
    /// Number of its first channel.
    pub channel: usize,
}

/// [`add_thermal_noise`] for a part of an observation: the noise that the whole has there.
pub fn add_thermal_noise_of(
    table: &mut VisibilityTable,
    part: Part,
    sefd_jy: &[f64],
    seed: Option<u64>,
    watch: &Watch,
) -> Result<()> {
    check(table, sefd_jy)?;
    let scale = match table.polarisations {
        Polarisations::I => 0.5f64.sqrt(),
        Polarisations::Linear => 1.0,
    };
    let stations = sefd_jy.len();
    let (width, time) = (table.channel_width_hz, table.integration_time_s);
    let (antenna1, antenna2) = (&table.antenna1, &table.antenna2);
    let steps = time_steps(part.step as u32, &table.time_mjd_utc);
    table
        .vis
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(table.weight.axis_iter_mut(Axis(0)).into_par_iter())
        .enumerate()
        .try_for_each(|(row, (mut vis, mut weight))| {
            watch.check()?;
            let (p, q) = (antenna1[row] as usize, antenna2[row] as usize);
            let sigma = scale * noise_sigma_jy(sefd_jy[p], sefd_jy[q], width, time);
            weight.fill((1.0 / (sigma * sigma)) as f32);
            if p == q {
                // XX, YY and I, whose noise is real
                let products = weight.ncols();
                weight.slice_mut(ndarray::s![.., ..; products.max(4) - 1]).mapv_inplace(|w| 0.5 * w);
            }
            let Some(seed) = seed else { return Ok(()) };
            // number of pair (p, q) in row order, whatever rows the table holds; stations with themselves come after all pairs
            let baseline = match p == q {
                true => stations * (stations - 1) / 2 + p,
                false => p * stations - p * (p + 1) / 2 + (q - p - 1),
            };
            let noise = |channel: usize, polarisation: usize| {
                let channel = (part.channel + channel) as u32;
                let counter = [baseline as u32, steps[row], channel, NOISE_STREAM | polarisation as u32];
                normal_pair(counter, seed).map(|x| sigma * x)
            };
            for ((channel, polarisation), value) in vis.indexed_iter_mut() {
                let [re, im] = noise(channel, polarisation);
                *value += match (p == q, polarisation) {
                    (false, _) => Complex64::new(re, im),
                    (true, 0 | 3) => Complex64::from(SQRT_2 * re),
                    (true, 1) => Complex64::new(re, im),
                    (true, _) => {
                        let [re, im] = noise(channel, 1);
                        Complex64::new(re, -im)
                    }
                };
            }
            Ok(())
        })?;
    watch.advance(1)
}

/// Number of the time step of each row, of which the first is `first`: rows come in order of time.
fn time_steps(first: u32, time_mjd_utc: &[f64]) -> Vec<u32> {
    let mut step = first;
    let changes = time_mjd_utc.iter().zip(time_mjd_utc.iter().skip(1)).map(|(before, now)| {
        step += u32::from(before != now);
        step
    });
    std::iter::once(first).chain(changes).collect()
}

fn check(table: &VisibilityTable, sefd_jy: &[f64]) -> Result<()> {
    let rows = table.uvw_m.nrows();
    let named = [table.antenna1.len(), table.antenna2.len(), table.time_mjd_utc.len()].iter().all(|n| *n == rows);
    let pairs_fit = table.antenna1.iter().zip(&table.antenna2).all(|(p, q)| p <= q && (*q as usize) < sefd_jy.len());
    if !named || !pairs_fit {
        return Err(Error::input("thermal noise needs the stations and the time of every row")
            .found(format!("{rows} rows, {} with stations, {} SEFDs", table.antenna1.len(), sefd_jy.len()))
            .expected("antenna1 <= antenna2, and one SEFD a station"));
    }
    if let Some((station, sefd)) = sefd_jy.iter().enumerate().find(|(_, s)| !(**s > 0.0 && s.is_finite())) {
        return Err(Error::input("the SEFD of a station is not a positive number")
            .found(format!("{sefd} Jy for station {station}"))
            .expected("the system equivalent flux density of one polarisation, Jy"));
    }
    let cell = table.channel_width_hz * table.integration_time_s;
    if !(table.channel_width_hz > 0.0 && table.integration_time_s > 0.0 && cell.is_finite()) {
        return Err(Error::input("thermal noise needs the channel width and the integration time")
            .found(format!("{} Hz and {} s", table.channel_width_hz, table.integration_time_s))
            .expected("both positive"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::RaDec;
    use crate::visibilities::testing::with_threads;
    use ndarray::{Array2, Array3, s};

    const SEFD_JY: [f64; 6] = [300.0, 300.0, 300.0, 450.0, 450.0, 1000.0];

    /// All baselines of six stations; (row, channel) cells of 26 kHz x 10 s.
    fn table(steps: usize, channels: usize, polarisations: Polarisations) -> VisibilityTable {
        let pairs: Vec<(u32, u32)> = (0..6).flat_map(|p| (p + 1..6).map(move |q| (p, q))).collect();
        let rows = pairs.len() * steps;
        let shape = (rows, channels, polarisations.count());
        VisibilityTable {
            uvw_m: Array2::zeros((rows, 3)),
            time_mjd_utc: (0..rows).map(|r| 60_000.0 + (r / pairs.len()) as f64 * 1e-4).collect(),
            antenna1: (0..rows).map(|r| pairs[r % pairs.len()].0).collect(),
            antenna2: (0..rows).map(|r| pairs[r % pairs.len()].1).collect(),
            freq_hz: (0..channels).map(|c| 1.4e9 + 26e3 * c as f64).collect(),
            vis: Array3::zeros(shape),
            weight: Array3::ones(shape),
            flag: Array3::from_elem(shape, false),
            phase_centre: RaDec::from_deg(0.0, -30.0),
            polarisations,
            telescope: String::new(),
            channel_width_hz: 26e3,
            integration_time_s: 10.0,
            provenance: String::new(),
        }
    }

    fn noisy(steps: usize, channels: usize, polarisations: Polarisations, seed: u64) -> VisibilityTable {
        let mut t = table(steps, channels, polarisations);
        add_thermal_noise(&mut t, &SEFD_JY, Some(seed), &Watch::silent()).unwrap();
        t
    }

    /// sqrt(SEFD_p SEFD_q / (2 x 26 kHz x 10 s)), written out here.
    fn theory_jy(t: &VisibilityTable, row: usize) -> f64 {
        let [p, q] = [t.antenna1[row], t.antenna2[row]].map(|a| SEFD_JY[a as usize]);
        (p * q / 520_000.0).sqrt() / if t.polarisations == Polarisations::I { 2f64.sqrt() } else { 1.0 }
    }

    #[test]
    fn each_class_of_baselines_has_the_mean_and_variance_of_theory() {
        assert!((noise_sigma_jy(300.0, 450.0, 26e3, 10.0) - 0.509_524_665_1).abs() < 1e-9);
        for polarisations in [Polarisations::I, Polarisations::Linear] {
            let t = noisy(60, 50, polarisations, 11);
            let mut classes: Vec<(f64, Vec<f64>, Vec<f64>)> = Vec::new();
            for row in 0..t.uvw_m.nrows() {
                let sigma = theory_jy(&t, row);
                let found = classes.iter().position(|c| c.0 == sigma);
                let class = found.unwrap_or_else(|| {
                    classes.push((sigma, Vec::new(), Vec::new()));
                    classes.len() - 1
                });
                classes[class].1.extend(t.vis.slice(s![row, .., ..]).iter().map(|v| v.re));
                classes[class].2.extend(t.vis.slice(s![row, .., ..]).iter().map(|v| v.im));
                let weight = t.weight[[row, 0, 0]];
                assert!((f64::from(weight) * sigma * sigma - 1.0).abs() < 1e-6);
                assert!(t.weight.slice(s![row, .., ..]).iter().all(|w| *w == weight));
            }
            assert_eq!(classes.len(), 5);
            for (sigma, re, im) in &classes {
                for part in [re, im] {
                    let n = part.len() as f64;
                    let mean = part.iter().sum::<f64>() / n;
                    let variance = part.iter().map(|x| x * x).sum::<f64>() / n;
                    // five standard errors each
                    assert!(mean.abs() < 5.0 * sigma / n.sqrt(), "{sigma}: mean {mean}");
                    assert!((variance / (sigma * sigma) - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{sigma}: {variance}");
                }
            }
        }
    }

    #[test]
    fn neighbours_in_any_direction_are_uncorrelated() {
        let t = noisy(40, 40, Polarisations::Linear, 3);
        let rows = t.uvw_m.nrows();
        let unit = Array3::from_shape_fn(t.vis.dim(), |(r, c, p)| t.vis[[r, c, p]] / theory_jy(&t, r));
        let n = unit.len() as f64;
        // baseline, time step, channel, polarisation: each against the next
        for [dr, dc, dp] in [[1, 0, 0], [15, 0, 0], [0, 1, 0], [0, 0, 1], [14, 1, 0], [1, 0, 2]] {
            let before = unit.slice(s![..rows - dr, ..40 - dc, ..4 - dp]);
            let after = unit.slice(s![dr.., dc.., dp..]);
            let product: Complex64 = before.iter().zip(&after).map(|(a, b)| a * b.conj()).sum();
            let pairs = before.len() as f64;
            // re and im of a b* have variance 2 each
            assert!(product.re.abs() < 5.0 * (2.0 * pairs).sqrt(), "{dr} {dc} {dp}: {product}");
            assert!(product.im.abs() < 5.0 * (2.0 * pairs).sqrt(), "{dr} {dc} {dp}: {product}");
        }
        let within: f64 = unit.iter().map(|v| v.re * v.im).sum();
        assert!(within.abs() < 5.0 * n.sqrt(), "{within}");
    }

    #[test]
    fn what_else_is_drawn_and_by_how_many_threads_does_not_matter() {
        let whole = noisy(6, 8, Polarisations::Linear, 5);
        let one_thread = with_threads(1, || noisy(6, 8, Polarisations::Linear, 5));
        let three_threads = with_threads(3, || noisy(6, 8, Polarisations::Linear, 5));
        assert!(whole.vis == one_thread.vis && whole.vis == three_threads.vis);
        let shorter = noisy(4, 5, Polarisations::Linear, 5);
        assert_eq!(shorter.vis, whole.vis.slice(s![..60, ..5, ..]));

        // a table with holes: every third row of the whole one
        let kept: Vec<usize> = (0..90).filter(|r| r % 3 != 1).collect();
        let mut holes = table(6, 8, Polarisations::Linear);
        for list in [&mut holes.antenna1, &mut holes.antenna2] {
            *list = kept.iter().map(|r| list[*r]).collect();
        }
        holes.time_mjd_utc = kept.iter().map(|r| holes.time_mjd_utc[*r]).collect();
        holes.uvw_m = holes.uvw_m.select(Axis(0), &kept);
        holes.vis = holes.vis.select(Axis(0), &kept);
        holes.weight = holes.weight.select(Axis(0), &kept);
        add_thermal_noise(&mut holes, &SEFD_JY, Some(5), &Watch::silent()).unwrap();
        assert_eq!(holes.vis, whole.vis.select(Axis(0), &kept));
    }

    #[test]
    fn the_seed_decides_and_noise_is_added() {
        let (a, b) = (noisy(2, 3, Polarisations::I, 1), noisy(2, 3, Polarisations::I, 2));
        assert_eq!(a.vis, noisy(2, 3, Polarisations::I, 1).vis);
        assert!(a.vis.iter().zip(&b.vis).all(|(a, b)| a != b));

        let mut shifted = table(2, 3, Polarisations::I);
        shifted.vis.fill(Complex64::new(7.0, -2.0));
        add_thermal_noise(&mut shifted, &SEFD_JY, Some(1), &Watch::silent()).unwrap();
        assert!(shifted.vis.iter().zip(&a.vis).all(|(s, n)| (s - n - Complex64::new(7.0, -2.0)).norm() < 1e-14));

        let mut quiet = table(2, 3, Polarisations::I);
        add_thermal_noise(&mut quiet, &SEFD_JY, None, &Watch::silent()).unwrap();
        assert!(quiet.vis.iter().all(|v| v.norm() == 0.0));
        assert_eq!(quiet.weight, a.weight);
    }

    #[test]
    fn what_has_no_noise_level_is_refused() {
        let refused = |change: &dyn Fn(&mut VisibilityTable), sefd: &[f64], words: &str| {
            let mut t = table(1, 1, Polarisations::I);
            change(&mut t);
            let error = add_thermal_noise(&mut t, sefd, Some(1), &Watch::silent()).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        refused(&|_| (), &[], "one SEFD a station");
        refused(&|_| (), &SEFD_JY[..5], "one SEFD a station");
        refused(&|t| t.antenna1.clear(), &SEFD_JY, "needs the stations");
        refused(&|t| t.time_mjd_utc.clear(), &SEFD_JY, "needs the stations");
        refused(&|t| t.antenna1[0] = 2, &SEFD_JY, "antenna1 <= antenna2");
        refused(&|t| t.channel_width_hz = 0.0, &SEFD_JY, "channel width");
        refused(&|t| t.integration_time_s = f64::NAN, &SEFD_JY, "integration time");
        for bad in [0.0, -300.0, f64::NAN, f64::INFINITY] {
            refused(&|_| (), &[300.0, 300.0, 300.0, bad, 1.0, 1.0], "station 3");
        }
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let mut t = table(1, 1, Polarisations::I);
        assert!(add_thermal_noise(&mut t, &SEFD_JY, None, &Watch::stopped_by(stop)).unwrap_err().is_interrupt());
    }

    /// A station's own power has real noise of sqrt 2 times the sigma of a pair, and pairs have the noise that they have alone.
    #[test]
    fn stations_with_themselves_have_the_noise_of_their_power() {
        use crate::visibilities::testing::{small_array, track};
        use crate::visibilities::{Correlations, Track, new_table};
        for polarisations in [Polarisations::I, Polarisations::Linear] {
            let noisy = |correlations: Correlations, part: Part, freq_hz: &[f64]| {
                let track = Track { correlations, ..track(-30.0, 0.0) };
                let (mut table, ..) = new_table(&small_array(), &track, freq_hz, 1e6, polarisations, -1.6).unwrap();
                add_thermal_noise_of(&mut table, part, &[400.0; 5], Some(4), &Watch::silent()).unwrap();
                table
            };
            let freq_hz: Vec<f64> = (0..2000).map(|k| 1.4e9 + 1e6 * f64::from(k)).collect();
            let both = noisy(Correlations::Both, Part::default(), &freq_hz);
            let cross = noisy(Correlations::Cross, Part::default(), &freq_hz);
            let pairs = (0..both.uvw_m.nrows()).filter(|row| both.antenna1[*row] != both.antenna2[*row]);
            for (alone, row) in pairs.enumerate() {
                assert_eq!(both.vis.index_axis(Axis(0), row), cross.vis.index_axis(Axis(0), alone));
                assert_eq!(both.weight.index_axis(Axis(0), row), cross.weight.index_axis(Axis(0), alone));
            }
            let scale = if polarisations == Polarisations::I { 0.5f64.sqrt() } else { 1.0 };
            let sigma = scale * noise_sigma_jy(400.0, 400.0, 1e6, 3600.0);
            let own = both.vis.index_axis(Axis(0), 0);
            let rms = |values: Vec<f64>| (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
            let of = |product: usize| own.index_axis(Axis(1), product);
            assert!((rms(of(0).iter().map(|v| v.re).collect()) / (SQRT_2 * sigma) - 1.0).abs() < 0.05);
            assert!(of(0).iter().all(|v| v.im == 0.0));
            assert!((f64::from(both.weight[[0, 0, 0]]) * 2.0 * sigma * sigma - 1.0).abs() < 1e-6);
            if polarisations == Polarisations::Linear {
                assert!((rms(of(1).iter().map(|v| v.re).collect()) / sigma - 1.0).abs() < 0.05);
                assert!(of(1).iter().zip(of(2)).all(|(xy, yx)| *xy == yx.conj()));
                assert!(of(3).iter().all(|v| v.im == 0.0) && of(3) != of(0));
                assert!((f64::from(both.weight[[0, 0, 1]]) * sigma * sigma - 1.0).abs() < 1e-6);
            }
            // a part of an observation has the noise that the whole has there
            let later = noisy(Correlations::Both, Part { step: 0, channel: 1500 }, &freq_hz[1500..]);
            assert_eq!(later.vis, both.vis.slice(s![.., 1500.., ..]));
        }
    }
}
