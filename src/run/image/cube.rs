//! The imaging stage of a run: all channels in memory.

use super::headers::{Facts, beam_card, fact_cards, has_sigma, method_cards, totals};
use crate::error::Result;
use crate::formats::Staged;
use crate::formats::fits::{Card, FitsCube, write_cube};
use crate::formats::visibilities::VisibilityTable;
use crate::gridding::ImageGeometry;
use crate::imaging::beam_fit::BeamSource;
use crate::imaging::{ImageParams, Images, Method, Samples, make_images};
use crate::run::Progress;
use crate::run::headers::{sky_axes, spectral_axis};
use crate::run::params::Settings;
use crate::run::route::PsfReport;
use crate::run::sampling::LeftOut;
use ndarray::Array3;
use std::path::Path;

/// The stage as a run does it.
pub(in crate::run) fn image_table(
    table: &VisibilityTable,
    params: &ImageParams,
    progress: &dyn Progress,
) -> Result<Images> {
    let watch = progress.stage("images", table.freq_hz.len() as u64);
    make_images(table, params, &watch)
}

/// Parameters of the imaging stage of a run.
pub(in crate::run) fn params_of(settings: &Settings, geometry: ImageGeometry) -> ImageParams {
    ImageParams {
        geometry,
        weighting: settings.image.weighting,
        taper: Default::default(),
        method: Method::Fft { epsilon: settings.image.epsilon },
        keep_beyond_nyquist: settings.prediction.keep_beyond_nyquist,
    }
}

/// Which cube is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::run) enum StageProduct {
    Dirty,
    Psf,
}

/// What the headers of dirty image and PSF share.
#[derive(Debug, Clone, Copy)]
pub(in crate::run) struct CubeAxes<'a> {
    pub table: &'a VisibilityTable,
    pub specsys: &'a str,
    /// What prediction left out of each channel; empty where that is not known.
    pub left_out: &'a [LeftOut],
    /// How far a dirty image made without visibilities may be from one made with them.
    pub by_psf: Option<&'a PsfReport>,
}

impl CubeAxes<'_> {
    pub(in crate::run) fn cube(
        &self,
        images: &Images,
        product: StageProduct,
        params: &ImageParams,
        cards: &[Card],
    ) -> FitsCube {
        let data: &Array3<f64> = match product {
            StageProduct::Dirty => &images.dirty,
            StageProduct::Psf => &images.psf,
        };
        let noise_jy = images.noise_jy.iter().copied().fold(0.0, f64::max);
        let facts = Facts {
            samples: self.samples(images),
            noise_jy: (noise_jy > 0.0 && has_sigma(self.table)).then_some(noise_jy),
            loss: images.loss.iter().copied().fold(0.0, f64::max),
            sum_weights: images.sum_weights.iter().sum(),
        };
        let mut cards = cards.to_vec();
        cards.extend(method_cards(params));
        cards.push(beam_card(BeamSource::default()));
        if product == StageProduct::Dirty
            && let Some(report) = self.by_psf
        {
            // nothing of it was gridded
            cards.retain(|c| c.key != "GRIDEPS");
            cards.extend(report.cards());
        }
        cards.extend(fact_cards(&facts, params, product == StageProduct::Dirty));
        FitsCube {
            data: data.mapv(|v| v as f32),
            sky: sky_axes(self.table.phase_centre, params.geometry.nx, params.geometry.ny, params.geometry.dm),
            spectral: spectral_axis(&self.table.freq_hz, super::channel_width_hz(self.table), self.specsys),
            stokes: "I".into(),
            unit: "Jy/beam".into(),
            beams: images.beams.clone(),
            cards,
        }
    }

    /// Samples of all channels; beyond Nyquist are those beyond either limit, the sky's or the image's.
    fn samples(&self, images: &Images) -> Samples {
        let mut planes = images.samples.clone();
        for (imaged, before) in planes.iter_mut().zip(self.left_out) {
            imaged.beyond_nyquist += before.samples;
            imaged.beyond_nyquist_weight =
                before.weight_share() + (1.0 - before.weight_share()) * imaged.beyond_nyquist_weight;
            imaged.natural_weight /= (1.0 - before.weight_share()).max(f64::EPSILON);
        }
        totals(&planes)
    }
}

/// Writes one cube under its name.
pub(in crate::run) fn write_product(path: &Path, cube: &FitsCube) -> Result<()> {
    let staged = Staged::new(path)?;
    write_cube(staged.path(), cube)?;
    staged.commit()
}
