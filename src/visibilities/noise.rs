use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::random::normal_pair;
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;

/// Last counter word of the noise, with the polarisation in its low bits: other uses of a seed are
/// independent of it ("noi").
const NOISE_STREAM: u32 = 0x6e6f_6900;

/// sigma_pq = sqrt(SEFD_p SEFD_q / (2 dnu dt)), Jy, per real and imaginary part of one of XX..YY
/// (Thompson, Moran & Swenson 2017, eq. 6.50; SEFDs of one polarisation).
pub fn noise_sigma_jy(sefd_p_jy: f64, sefd_q_jy: f64, channel_width_hz: f64, integration_time_s: f64) -> f64 {
    (sefd_p_jy * sefd_q_jy / (2.0 * channel_width_hz * integration_time_s)).sqrt()
}

/// Sets the weights of `table` to 1/sigma^2 and, when `seed` is given, adds the noise itself.
///
/// `sefd_jy` holds one SEFD of one polarisation for each station. Visibilities of "I" are
/// (XX + YY)/2, so their sigma is smaller by sqrt 2. Each number is keyed by seed, baseline, time step,
/// channel and polarisation, so it does not depend on threads or on what else is drawn. The table must
/// name its stations and times, its channel width and its integration time.
pub fn add_thermal_noise(table: &mut VisibilityTable, sefd_jy: &[f64], seed: Option<u64>, watch: &Watch) -> Result<()> {
    check(table, sefd_jy)?;
    let scale = match table.polarisations {
        Polarisations::I => 0.5f64.sqrt(),
        Polarisations::Linear => 1.0,
    };
    let stations = sefd_jy.len();
    let (width, time) = (table.channel_width_hz, table.integration_time_s);
    let (antenna1, antenna2) = (&table.antenna1, &table.antenna2);
    let steps = time_steps(&table.time_mjd_utc);
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
            let Some(seed) = seed else { return Ok(()) };
            // number of pair (p, q) in row order, whatever rows the table holds
            let baseline = p * stations - p * (p + 1) / 2 + (q - p - 1);
            for ((channel, polarisation), value) in vis.indexed_iter_mut() {
                let counter = [baseline as u32, steps[row], channel as u32, NOISE_STREAM | polarisation as u32];
                let [re, im] = normal_pair(counter, seed);
                *value += Complex64::new(sigma * re, sigma * im);
            }
            Ok(())
        })?;
    watch.advance(1)
}

/// Number of the time step of each row: rows come in order of time.
fn time_steps(time_mjd_utc: &[f64]) -> Vec<u32> {
    let mut step = 0;
    let changes = time_mjd_utc.iter().zip(time_mjd_utc.iter().skip(1)).map(|(before, now)| {
        step += u32::from(before != now);
        step
    });
    std::iter::once(0).chain(changes).collect()
}

fn check(table: &VisibilityTable, sefd_jy: &[f64]) -> Result<()> {
    let rows = table.uvw_m.nrows();
    let named = [table.antenna1.len(), table.antenna2.len(), table.time_mjd_utc.len()].iter().all(|n| *n == rows);
    let pairs_fit = table.antenna1.iter().zip(&table.antenna2).all(|(p, q)| p < q && (*q as usize) < sefd_jy.len());
    if !named || !pairs_fit {
        return Err(Error::input("thermal noise needs the stations and the time of every row")
            .found(format!("{rows} rows, {} with stations, {} SEFDs", table.antenna1.len(), sefd_jy.len()))
            .expected("antenna1 < antenna2, and one SEFD a station"));
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
