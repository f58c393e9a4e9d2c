use crate::error::Result;
use crate::error::Watch;
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::math::random::normal_pair;
use ndarray::Axis;
use ndarray::parallel::prelude::*;
use rustfft::num_complex::Complex64;

/// sigma_pq = sqrt(SEFD_p SEFD_q / (2 dnu dt)), Jy, per real and imaginary part of one of XX..YY
/// (Thompson, Moran & Swenson 2017, eq. 6.50; SEFDs of one polarisation).
pub fn noise_sigma_jy(sefd_p_jy: f64, sefd_q_jy: f64, channel_width_hz: f64, integration_time_s: f64) -> f64 {
    (sefd_p_jy * sefd_q_jy / (2.0 * channel_width_hz * integration_time_s)).sqrt()
}

/// Sets the weights of `table` to 1/sigma^2 and, when `seed` is given, adds the noise itself.
///
/// `sefd_jy` holds one SEFD of one polarisation for each station. Visibilities of "I" are
/// (XX + YY)/2, so their sigma is smaller by sqrt 2. Each number is keyed by seed, baseline, time step,
/// channel and polarisation, so it does not depend on threads or on what else is drawn.
pub fn add_thermal_noise(table: &mut VisibilityTable, sefd_jy: &[f64], seed: Option<u64>, watch: &Watch) -> Result<()> {
    let scale = match table.polarisations {
        Polarisations::I => 0.5f64.sqrt(),
        Polarisations::Linear => 1.0,
    };
    let stations = sefd_jy.len();
    let (width, time) = (table.channel_width_hz, table.integration_time_s);
    let baselines = stations * (stations - 1) / 2;
    let antennas: Vec<_> =
        table.antenna1.iter().zip(&table.antenna2).map(|(p, q)| (*p as usize, *q as usize)).collect();
    watch.check()?;
    table
        .vis
        .axis_iter_mut(Axis(0))
        .into_par_iter()
        .zip(table.weight.axis_iter_mut(Axis(0)).into_par_iter())
        .zip(antennas.par_iter())
        .enumerate()
        .for_each(|(row, ((mut vis, mut weight), &(p, q)))| {
            let sigma = scale * noise_sigma_jy(sefd_jy[p], sefd_jy[q], width, time);
            weight.fill((1.0 / (sigma * sigma)) as f32);
            let Some(seed) = seed else { return };
            // number of pair (p, q) in row order, whatever rows the table holds
            let baseline = p * stations - p * (p + 1) / 2 + (q - p - 1);
            for ((channel, polarisation), value) in vis.indexed_iter_mut() {
                let counter = [baseline as u32, (row / baselines) as u32, channel as u32, polarisation as u32];
                let [re, im] = normal_pair(counter, seed);
                *value += Complex64::new(sigma * re, sigma * im);
            }
        });
    watch.check()
}
