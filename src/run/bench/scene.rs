//! The observation of benchmarks, and what the visibility route of a galaxy costs in it.

use super::measure::{Cost, measured};
use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::{Polarisations, VisibilityTable};
use crate::gridding::ImageGeometry;
use crate::imaging::{ImageParams, Method, PlaneGridder, PlaneSamples, Stokes, WeightedSamples, Weighting};
use crate::sky::cube::SkyCube;
use crate::telescope::Telescope;
use crate::telescope::beam::{BeamChoice, StationBeams};
use crate::time::{EarthOrientation, Frame};
use crate::units::{DEG_RAD, Dimension, RaDec, parse_quantity};
use crate::visibilities::{Instant, Track, add_thermal_noise, new_table, predict_by_grid};
use ndarray::{Array2, s};

/// The observation as words give it.
pub(super) struct SceneWords<'a> {
    pub telescope: &'a str,
    pub npix: usize,
    pub cell: &'a str,
    pub length: &'a str,
    pub steps: usize,
    pub weight: &'a str,
    pub epsilon: f64,
}

const START_MJD_UTC: f64 = 61_406.0;
const DEC_RAD: f64 = -35.0 * DEG_RAD;
/// Elevation below which samples are flagged.
pub(super) const LOWEST_RAD: f64 = 15.0 * DEG_RAD;
/// SEFDs of one polarisation in band 2, Jy: MeerKAT dishes and all others (docs/telescopes.md).
const MEERKAT_JY: f64 = 406.0;
const OTHER_JY: f64 = 272.0;

/// What both routes see of the observation.
pub(super) struct Scene {
    pub telescope: Telescope,
    pub track: Track,
    pub beams: StationBeams,
    pub sefd_jy: Vec<f64>,
    pub freq_hz: Vec<f64>,
    pub width_hz: f64,
    pub params: ImageParams,
}

/// CPU seconds of a cube by visibilities.
#[derive(Debug, Clone, Copy)]
pub(super) struct ByVisibilities {
    pub predict_s: f64,
    pub noise_s: f64,
    pub image_s: f64,
    /// Channels that were timed, the middle one among them.
    pub timed: usize,
    pub middle: usize,
    pub peak_mib: f64,
}

impl ByVisibilities {
    pub fn cpu_s(&self) -> f64 {
        self.predict_s + self.noise_s + self.image_s
    }
}

impl Scene {
    /// An observation in channels of `width_hz`, `first_hz` the middle of the lowest.
    pub fn new(request: &SceneWords, first_hz: f64, channels: usize, width_hz: f64) -> Result<Scene> {
        let quantity = |text: &str, dimension, word: &str| match parse_quantity(text, dimension) {
            Ok(value) if value > 0.0 => Ok(value),
            Ok(_) => Err(Error::input("this must be above 0").found(text).expected("a positive quantity").place(word)),
            Err(e) => Err(e.place(word)),
        };
        let cell_rad = quantity(request.cell, Dimension::Angle, "--cell")?;
        let length_s = quantity(request.length, Dimension::Time, "--length")?;
        let epsilon = crate::run::params::check_epsilon(request.epsilon)?;
        let n = request.npix;
        let params = ImageParams {
            geometry: ImageGeometry { nx: n, ny: n, dl: -cell_rad, dm: cell_rad },
            weighting: Weighting::parse(request.weight).map_err(|e| e.place("--weight"))?,
            taper: Default::default(),
            method: Method::Fft { epsilon },
            keep_beyond_nyquist: false,
        };
        params.geometry.validate().map_err(|e| e.place("--npix and --cell"))?;
        let telescope = Telescope::preset(request.telescope).map_err(|e| e.place("--telescope"))?;
        let earth = EarthOrientation::new(Frame::Icrs);
        let phase_centre = RaDec { ra_rad: 30.0 * DEG_RAD, dec_rad: DEC_RAD };
        let before_rad = -0.5 * length_s / 3600.0 * 15.0 * DEG_RAD;
        let longitude = telescope.reference().lon_rad;
        let start_mjd_utc =
            earth.time_of_hour_angle(phase_centre.unit_vector(), longitude, before_rad, START_MJD_UTC)?;
        let step_s = length_s / request.steps as f64;
        let sefd_jy =
            telescope.stations.iter().map(|s| if s.kind == "meerkat" { MEERKAT_JY } else { OTHER_JY }).collect();
        Ok(Scene {
            track: Track {
                phase_centre,
                earth,
                start_mjd_utc,
                step_s,
                steps: request.steps,
                pointing: Default::default(),
                correlations: Default::default(),
            },
            beams: StationBeams::new(&telescope, BeamChoice::Auto),
            sefd_jy,
            freq_hz: (0..channels).map(|c| first_hz + width_hz * c as f64).collect(),
            width_hz,
            params,
            telescope,
        })
    }

    /// Geometry and weights of some channels.
    pub fn table(&self, freq_hz: &[f64]) -> Result<(VisibilityTable, Vec<Instant>)> {
        let (mut table, instants, _) =
            new_table(&self.telescope, &self.track, freq_hz, self.width_hz, Polarisations::I, LOWEST_RAD)?;
        add_thermal_noise(&mut table, &self.sefd_jy, None, &Watch::silent())?;
        Ok((table, instants))
    }

    pub fn predict(
        &self,
        table: &mut VisibilityTable,
        instants: &[Instant],
        cube: &SkyCube,
        epsilon: f64,
        watch: &Watch,
    ) -> Result<()> {
        predict_by_grid(table, cube, Some((instants, &self.beams)), epsilon, false, &watch.quiet())?;
        Ok(())
    }

    /// The dirty image of a table of one channel.
    pub fn image(&self, table: &VisibilityTable, epsilon: f64, watch: &Watch) -> Result<Array2<f64>> {
        let params = ImageParams { method: Method::Fft { epsilon }, ..self.params };
        let samples = PlaneSamples::of_table(table, 0..1, 0, Stokes::I, None, &params)?;
        PlaneGridder::new(WeightedSamples::new(samples, None, &params), params, None)?.dirty(&watch.quiet())
    }

    /// Predicts `cube`, adds noise and images, on `channels` of the channels; costs are multiplied to all. `watch`
    /// advances by one a channel.
    pub fn by_visibilities(&self, cube: &SkyCube, channels: usize, watch: &Watch) -> Result<ByVisibilities> {
        let all = self.freq_hz.len();
        let timed = channels.clamp(1, all);
        let epsilon = match self.params.method {
            Method::Fft { epsilon } => epsilon,
            Method::Dft => 1e-12,
        };
        let chosen: Vec<usize> = (0..timed).map(|k| (2 * k + 1) * all / (2 * timed)).collect();
        let mut stages = [Vec::new(), Vec::new(), Vec::new()];
        for &channel in &chosen {
            let (mut table, instants) = self.table(&self.freq_hz[channel..=channel])?;
            let one = slice(cube, channel);
            let (predicted, predict) = measured(|| self.predict(&mut table, &instants, &one, epsilon, watch));
            predicted?;
            let quiet = watch.quiet();
            let (added, add) = measured(|| add_thermal_noise(&mut table, &self.sefd_jy, Some(1), &quiet));
            added?;
            let (imaged, image) = measured(|| self.image(&table, epsilon, watch));
            imaged?;
            stages.iter_mut().zip([predict, add, image]).for_each(|(stage, cost)| stage.push(cost));
            watch.advance(1)?;
        }
        let [predict_s, noise_s, image_s] = stages
            .each_ref()
            .map(|stage| stage.iter().map(|c: &Cost| c.cpu_s).sum::<f64>() * all as f64 / timed as f64);
        let peak_mib = stages.iter().flatten().map(|c| c.peak_mib).fold(0.0, f64::max);
        Ok(ByVisibilities { predict_s, noise_s, image_s, timed, middle: chosen[timed / 2], peak_mib })
    }
}

/// One channel of a cube.
pub(super) fn slice(cube: &SkyCube, channel: usize) -> SkyCube {
    SkyCube {
        flux_jy: cube.flux_jy.slice(s![channel..=channel, .., ..]).to_owned(),
        freq_hz: vec![cube.freq_hz[channel]],
        ..cube.clone()
    }
}
