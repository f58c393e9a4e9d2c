//! What a plan will take, told from its samples before any PSF is made.
//!
//! Constants are of one core of an AMD EPYC, by `skyfringe bench fast`; gridding has its own model,
//! [`crate::gridding::cost`].

use super::super::dirty::ImageParams;
use super::channel::{Field, NOISE_EPSILON, Setting, choose_nodes, nodes_matter};
use super::noise::{PADDINGS, axis};
use super::{FastPlan, FastRequest, suited, transform};
use crate::error::Result;
use crate::formats::visibilities::VisibilityTable;
use crate::gridding::{ImageGeometry, cost};
use crate::telescope::beam::StationBeams;
use crate::visibilities::Instant;

/// One channel of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Foresight {
    /// Classes of baselines with different beams.
    pub classes: usize,
    /// Nodes in w; 1: w is ignored.
    pub w_nodes: usize,
    /// Seconds of one core to plan it.
    pub plan_cpu_s: f64,
    /// Seconds of one core for a dirty image with noise.
    pub image_cpu_s: f64,
    /// Bytes that the plan holds.
    pub bytes: f64,
    /// Bytes in use while it is made, beside the table.
    pub work_bytes: f64,
}

/// A sample on its way into a PSF beside gridding (weight, class), and for each term of the expansion in w.
const SAMPLE_S: f64 = 120e-9;
const TERM_S: f64 = 30e-9;
/// A cell of a PSF's spectrum; of the noise's spectrum.
const SPECTRUM_S: f64 = 40e-9;
const NOISE_S: f64 = 80e-9;
/// A cell of one PSF's product with the sky, transforms included, and a cell of a draw of noise.
const PRODUCT_S: f64 = 5e-9;
const DRAW_S: f64 = 6e-9;
/// Copies of a sample while PSFs are made, bytes.
const SAMPLE_BYTES: f64 = 130.0;

impl FastPlan {
    /// What one channel of the plan of [`FastPlan::choose`] will take, the most of all channels of `table`, or why there
    /// cannot be one. The bound is not looked at: it is known with the PSFs only.
    ///
    /// # Errors
    /// Those of [`FastPlan::choose`] that weights and uvw tell.
    pub fn foresee(
        table: &VisibilityTable,
        station: Option<(&[Instant], &StationBeams)>,
        params: &ImageParams,
        sky: ImageGeometry,
        request: &FastRequest,
    ) -> Result<std::result::Result<Foresight, String>> {
        let baselines = match suited(table, station, params, &sky, request)? {
            Ok(baselines) => baselines,
            Err(reason) => return Ok(Err(reason)),
        };
        let setting = Setting::new(table, &baselines, station.map(|s| s.1), params, sky, request);
        let image = params.geometry;
        let along = |sky: usize, image: usize| transform::Axis::new(sky, image);
        let (x, y) = (along(sky.nx, image.nx), along(sky.ny, image.ny));
        let (sky_pixels, image_pixels) = ((sky.nx * sky.ny) as f64, (image.nx * image.ny) as f64);
        let cells = (x.cells * y.cells) as f64;
        let noise_cells = (axis(image.nx, PADDINGS[0]).cells * axis(image.ny, PADDINGS[0]).cells) as f64;
        let number_bytes = if request.is_double() { 8.0 } else { 4.0 };
        let (psf, noise) = (Field::new(&image, x.reach, y.reach), Field::new(&image, image.nx - 1, image.ny - 1));

        let mut most = Foresight::default();
        for channel in 0..table.freq_hz.len() {
            let samples = baselines.channel(table, channel, params)?;
            if samples.sum_weights == 0.0 {
                continue;
            }
            let nodes = match choose_nodes(&setting, &samples, table.freq_hz[channel]) {
                Ok(nodes) => nodes,
                Err(reason) => return Ok(Err(reason)),
            };
            let (terms, screens) = (nodes.terms() as f64, nodes.positive.len() as f64);
            // a term without a screen has half a spectrum
            let spectrum_cells = cells * (screens + if nodes.zero { 0.5 } else { 0.0 });
            let all: Vec<[f64; 3]> = samples.uvw.iter().map(|c| noise.scaled(*c)).collect();
            let covariance = cost(noise.geometry, &all, NOISE_EPSILON, 1)?;
            let mut here = Foresight {
                w_nodes: nodes.rank(),
                plan_cpu_s: covariance.cpu_s
                    + NOISE_S * noise_cells
                    + (SAMPLE_S + TERM_S * terms) * samples.uvw.len() as f64,
                image_cpu_s: DRAW_S * noise_cells,
                bytes: number_bytes * (screens * 2.0 * (sky_pixels + image_pixels) + 0.5 * noise_cells)
                    + if nodes.rank() > 1 || nodes_matter(&samples) { 4.0 * sky_pixels } else { 0.0 },
                work_bytes: covariance.bytes,
                ..Foresight::default()
            };
            for (number, class) in baselines.classes.iter().enumerate() {
                let members = samples.uvw.iter().zip(&samples.class).filter(|(_, c)| usize::from(**c) == number);
                let uvw: Vec<[f64; 3]> = members.map(|(c, _)| psf.scaled(*c)).collect();
                if uvw.is_empty() {
                    continue;
                }
                let one = cost(psf.geometry, &uvw, setting.gridding_epsilon(), 1)?;
                here.classes += 1;
                here.plan_cpu_s += terms * (one.cpu_s + SPECTRUM_S * cells);
                here.image_cpu_s += PRODUCT_S * 2.0 * spectrum_cells;
                let beam = if class.is_some() { sky_pixels } else { 0.0 };
                here.bytes += number_bytes * (spectrum_cells + beam);
                here.work_bytes = here.work_bytes.max(one.bytes + 40.0 * cells);
            }
            here.work_bytes += SAMPLE_BYTES * samples.uvw.len() as f64;
            most = most.max(&here);
        }
        Ok(Ok(most))
    }
}

impl Foresight {
    fn max(&self, other: &Foresight) -> Foresight {
        Foresight {
            classes: self.classes.max(other.classes),
            w_nodes: self.w_nodes.max(other.w_nodes),
            plan_cpu_s: self.plan_cpu_s.max(other.plan_cpu_s),
            image_cpu_s: self.image_cpu_s.max(other.image_cpu_s),
            bytes: self.bytes.max(other.bytes),
            work_bytes: self.work_bytes.max(other.work_bytes),
        }
    }
}
