//! The words of `image`.

use crate::run;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(super) struct ImageWords {
    /// Visibility file (HDF5).
    #[arg(value_name = "FILE")]
    visibilities: PathBuf,
    /// Pixels along each side.
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(8..=16384))]
    size: u16,
    /// Pixel size with its unit, for example 2asec or "0.5 arcmin".
    #[arg(long, value_name = "ANGLE", allow_hyphen_values = true)]
    scale: String,
    /// natural, uniform, radial or briggs:ROBUST.
    #[arg(long, value_name = "WORD", default_value = "briggs:0")]
    weight: String,
    /// Count uv cells for uniform and Briggs weights over all channels, not over those of each plane.
    #[arg(long)]
    mf_weighting: bool,
    /// Bring uv cells of more than this many times the mean weight around them down to that (wsclean's default: 3).
    #[arg(long, value_name = "LEVEL", allow_hyphen_values = true)]
    weighting_rank_filter: Option<f64>,
    /// Gaussian taper: full width at half maximum in the image, for example 10asec.
    #[arg(long, value_name = "ANGLE", allow_hyphen_values = true)]
    taper_gaussian: Option<String>,
    /// Shortest baseline, wavelengths.
    #[arg(long, value_name = "LAMBDA", default_value = "0", allow_hyphen_values = true)]
    minuv_l: f64,
    /// Longest baseline, wavelengths.
    #[arg(long, value_name = "LAMBDA", allow_hyphen_values = true)]
    maxuv_l: Option<f64>,
    /// Take the data set `weight` of this file, of equal shape, in place of the visibility file's.
    #[arg(long, value_name = "FILE")]
    weights_from: Option<PathBuf>,
    /// Planes of the cubes; 1 is multi-frequency synthesis [default: one a channel].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    channels_out: Option<u32>,
    /// Comma-separated, of dirty, psf, residual, model, image, pb, dirty-pb, image-pb, line, continuum and weights
    /// [default: dirty,psf; with --niter residual,model,image, with --continuum-in image line,continuum, too].
    #[arg(long, value_name = "LIST")]
    products: Option<String>,
    /// I, IQUV, or a list of XX, XY, YX, YY; one file each.
    #[arg(long, default_value = "I", value_name = "LIST")]
    stokes: String,
    /// Primary beam: none, gaussian:15m, airy:15m, cosine:15m, or a model alone for the telescope's diameters
    /// [default: that of the visibility file's provenance].
    #[arg(long, value_name = "BEAM")]
    beam: Option<String>,
    /// Corrected images are 0 where the power beam is lower.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.05, allow_hyphen_values = true)]
    pb_limit: f64,
    /// How beams are fitted to PSFs: wsclean (as wsclean 3.1.0 does), box (all pixels of a box, as its manual says) or
    /// casa (main lobe above 0.35).
    #[arg(long, value_name = "WORD", default_value = "wsclean")]
    beam_fit: String,
    /// Beam of all planes in place of fitted ones: FWHM of major and minor axis, position angle, as in 30asec 20asec 45deg.
    #[arg(long, num_args = 3, value_names = ["MAJOR", "MINOR", "ANGLE"], allow_hyphen_values = true,
          conflicts_with = "beam_fit")]
    beam_shape: Option<Vec<String>>,
    #[command(flatten)]
    clean: CleanArgs,
    #[command(flatten)]
    continuum: ContinuumArgs,
    /// Telescope for parallactic angles and diameters [default: the one that the visibility file names].
    #[arg(long, value_name = "NAME")]
    telescope: Option<String>,
    /// Relative accuracy of gridding, 1e-12 to 1e-2.
    #[arg(long, value_name = "NUMBER", default_value = "1e-5", allow_hyphen_values = true)]
    epsilon: f64,
    /// Exact sums instead of gridding (slow; for comparisons).
    #[arg(long)]
    dft: bool,
    /// Keep baselines beyond the grid's Nyquist limit (periodic; for comparisons with the DFT).
    #[arg(long)]
    keep_beyond_nyquist: bool,
    /// Memory that may be used, for example 8GB [default: three quarters of what is free].
    #[arg(long, value_name = "AMOUNT")]
    memory: Option<String>,
    /// Products are PREFIX-dirty.fits, PREFIX-psf.fits, ...
    #[arg(long, value_name = "PREFIX")]
    pub(super) out: PathBuf,
}

/// CLEAN, with wsclean's names.
#[derive(Debug, Args)]
struct CleanArgs {
    /// CLEAN: most components of a plane; nothing is cleaned with 0.
    #[arg(long, value_name = "N", default_value_t = 0)]
    niter: usize,
    /// CLEAN: share of a peak that one component takes [default: 0.1].
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    gain: Option<f64>,
    /// CLEAN: share of the peak that one major cycle takes [default: 0.8].
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    mgain: Option<f64>,
    /// CLEAN: most major cycles [default: 30].
    #[arg(long, value_name = "N")]
    nmiter: Option<usize>,
    /// CLEAN: stop at peaks of this, for example 0.2mJy.
    #[arg(long, value_name = "FLUX", allow_hyphen_values = true)]
    threshold: Option<String>,
    /// CLEAN: stop at peaks of this many times the residual's noise.
    #[arg(long, value_name = "SIGMA", allow_hyphen_values = true)]
    auto_threshold: Option<f64>,
    /// CLEAN: down to this many times the noise anywhere, then only where components already stand.
    #[arg(long, value_name = "SIGMA", allow_hyphen_values = true)]
    auto_mask: Option<f64>,
    /// CLEAN: components only where this FITS image, of one plane or as many as are made, is not 0.
    #[arg(long, value_name = "FILE", alias = "fits-mask")]
    mask: Option<PathBuf>,
    /// CLEAN: extended components, too.
    #[arg(long)]
    multiscale: bool,
    /// CLEAN: their sizes in pixels, as in 0,6,12 [default: 0, 3 beams, and on by factors of 2].
    #[arg(long, value_name = "LIST", alias = "multiscale-scales")]
    scales: Option<String>,
    /// CLEAN: Hogbom's algorithm, major cycles only where noise is measured.
    #[arg(long)]
    hogbom: bool,
    /// CLEAN: no negative components.
    #[arg(long)]
    no_negative: bool,
    /// CLEAN: components of all planes at common positions, found in their mean; holds all planes in memory.
    #[arg(long)]
    join_channels: bool,
}

/// Subtraction of the continuum.
#[derive(Debug, Args)]
struct ContinuumArgs {
    /// Continuum: subtract the one through these channels without line: numbers from 0, ends included, or frequencies,
    /// as in 0-10,50-63 or 1.412GHz-1.413GHz.
    #[arg(long, value_name = "LIST")]
    line_free: Option<String>,
    /// Continuum: order of its polynomial in frequency, 0 to 9 [default: 1].
    #[arg(long, value_name = "N")]
    continuum_order: Option<usize>,
    /// Continuum: fitted in `uv`, before imaging, or in `image`: products line and continuum [default: uv].
    #[arg(long, value_name = "PLACE")]
    continuum_in: Option<String>,
}

impl From<CleanArgs> for run::image::CleanWords {
    fn from(w: CleanArgs) -> run::image::CleanWords {
        run::image::CleanWords {
            niter: w.niter,
            gain: w.gain,
            mgain: w.mgain,
            nmiter: w.nmiter,
            threshold: w.threshold,
            auto_threshold: w.auto_threshold,
            auto_mask: w.auto_mask,
            mask: w.mask,
            multiscale: w.multiscale,
            scales: w.scales,
            hogbom: w.hogbom,
            no_negative: w.no_negative,
            join_channels: w.join_channels,
        }
    }
}

impl From<ImageWords> for run::image::ImageOptions {
    fn from(w: ImageWords) -> run::image::ImageOptions {
        run::image::ImageOptions {
            visibilities: w.visibilities,
            size: usize::from(w.size),
            scale: w.scale,
            weight: w.weight,
            mf_weighting: w.mf_weighting,
            taper_gaussian: w.taper_gaussian,
            rank_filter: w.weighting_rank_filter,
            minuv_l: w.minuv_l,
            maxuv_l: w.maxuv_l,
            weights_from: w.weights_from,
            channels_out: w.channels_out.map(|n| n as usize),
            products: w.products,
            stokes: w.stokes,
            beam: w.beam,
            pb_limit: w.pb_limit,
            beam_fit: w.beam_fit,
            beam_shape: w.beam_shape.and_then(|words| words.try_into().ok()),
            clean: w.clean.into(),
            continuum: run::image::ContinuumWords {
                line_free: w.continuum.line_free,
                order: w.continuum.continuum_order,
                place: w.continuum.continuum_in,
            },
            telescope: w.telescope,
            epsilon: (!w.dft).then_some(w.epsilon),
            keep_beyond_nyquist: w.keep_beyond_nyquist,
            memory: w.memory,
            out: w.out,
        }
    }
}
