//! The visibility route, one channel at a time: geometry and weights are kept between channels and skies.

use super::Setup;
use crate::error::{Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::imaging::{PlaneGridder, PlaneSamples, Stokes, WeightedSamples};
use crate::math::random::philox;
use crate::sky::cube::SkyCube;
use crate::telescope::beam::StationBeams;
use crate::visibilities::{Instant, add_thermal_noise, predict_by_grid};
use ndarray::{Array2, Array3, s};
use rustfft::num_complex::Complex64;

/// Last counter word of the seeds of channels ("dsn").
const STREAM: u32 = 0x6473_6e00;

/// A table of one channel, which becomes that of any other.
pub(super) struct Frame {
    table: VisibilityTable,
    instants: Vec<Instant>,
    /// Flags of low elevations.
    low: Array3<bool>,
}

impl Frame {
    pub fn new(setup: &Setup, watch: &Watch) -> Result<Frame> {
        let (table, instants) = setup.table(&setup.freq_hz[..1], watch)?;
        Ok(Frame { low: table.flag.clone(), table, instants })
    }

    /// Dirty image of channel `channel` of a sky, of noise, or of both, Jy per beam, shape [y, x].
    pub fn dirty(
        &mut self,
        setup: &Setup,
        beams: &StationBeams,
        channel: usize,
        sky: Option<&SkyCube>,
        seed: Option<u64>,
        watch: &Watch,
    ) -> Result<Array2<f64>> {
        let (table, quiet) = (&mut self.table, watch.quiet());
        table.freq_hz[0] = setup.freq_hz[channel];
        table.flag.assign(&self.low);
        table.vis.fill(Complex64::ZERO);
        if let Some(sky) = sky {
            let plane = SkyCube {
                flux_jy: sky.flux_jy.slice(s![channel..=channel, .., ..]).to_owned(),
                freq_hz: vec![sky.freq_hz[channel]],
                specsys: sky.specsys.clone(),
                ..*sky
            };
            let keep = setup.image.keep_beyond_nyquist;
            predict_by_grid(table, &plane, Some((&self.instants, beams)), setup.prediction_epsilon, keep, &quiet)?;
        }
        if let (Some(seed), Some(sefd_jy)) = (seed, &setup.sefd_jy) {
            add_thermal_noise(table, sefd_jy, Some(of_channel(seed, channel)), &quiet)?;
        }
        let params = setup.image;
        let samples = PlaneSamples::of_table(table, 0..1, channel, Stokes::I, None, &params)?;
        PlaneGridder::new(WeightedSamples::new(samples, None, &params), params, None)?.dirty(&quiet)
    }

    pub fn bytes(&self) -> usize {
        let t = &self.table;
        t.vis.len() * size_of::<Complex64>()
            + t.uvw_m.len() * size_of::<f64>()
            + t.weight.len() * size_of::<f32>()
            + t.flag.len()
            + self.low.len()
            + t.time_mjd_utc.len() * (size_of::<f64>() + 2 * size_of::<u32>())
    }
}

/// The table's only channel is number 0, whose noise must differ from channel to channel.
fn of_channel(seed: u64, channel: usize) -> u64 {
    let w = philox([channel as u32, 0, 0, STREAM], seed);
    u64::from(w[0]) << 32 | u64::from(w[1])
}
