//! The words of the command line; [`crate::run`] does the work.

mod console;

use crate::error::{Error, Result, Watch};
use crate::formats::remove_unfinished;
use crate::run;
use crate::sky::galaxy::{Kind, Order};
use crate::units::{Dimension, parse_quantities};
use clap::{Args, Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Radio interferometry simulator: from simulated galaxies to what a telescope sees of them.
#[derive(Debug, Parser)]
#[command(
    name = "skyfringe",
    version,
    propagate_version = true,
    arg_required_else_help = true,
    after_help = "Begin with: skyfringe run examples/quickstart.toml --out first\n\
                  Every key of a configuration is explained in examples/all-keys.toml."
)]
struct Words {
    #[command(subcommand)]
    command: Command,
    /// Threads to use [default: all cores]; the results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// No progress and no notes on standard error, only errors.
    #[arg(long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole chain: sky, visibilities, noise, images, preview.
    #[command(after_help = "Writes sky.fits, visibilities.h5, dirty.fits, psf.fits, preview.png and run.json.\n\
                            Example: skyfringe run examples/quickstart.toml --set sky.distance=\"50 Mpc\" --out far")]
    Run {
        /// Configuration file (TOML); examples/all-keys.toml explains every key.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Folder for the products; made where it is missing.
        #[arg(long, value_name = "DIR", required_unless_present = "check")]
        out: Option<PathBuf>,
        /// Validate only, write nothing; print what the run would do and need.
        #[arg(long)]
        check: bool,
        /// Take up an interrupted run: keep the visibilities in --out if this configuration made them.
        #[arg(long, conflicts_with = "check")]
        resume: bool,
    },
    /// Sky to visibilities alone.
    #[command(after_help = "Example: skyfringe observe examples/quickstart.toml --out galaxy.h5")]
    Observe {
        /// Configuration file (TOML); examples/all-keys.toml explains every key.
        #[arg(value_name = "CONFIG", required_unless_present = "oskar_settings", conflicts_with = "oskar_settings")]
        config: Option<PathBuf>,
        /// OSKAR's settings.ini in place of a configuration; paths in it are relative to its folder.
        #[arg(long, value_name = "FILE")]
        oskar_settings: Option<PathBuf>,
        #[command(flatten)]
        changes: ChangeWords,
        /// Predict onto the uvw, channels and phase centre of this visibility file: no beam, no noise.
        #[arg(long, value_name = "FILE", conflicts_with = "oskar_settings")]
        uvw_from: Option<PathBuf>,
        /// Visibility file to write (HDF5, docs/formats.md).
        #[arg(long, value_name = "FILE", required_unless_present = "check")]
        out: Option<PathBuf>,
        /// Validate only, write nothing; print what it would do and need.
        #[arg(long)]
        check: bool,
    },
    /// Visibilities to image cubes: dirty, PSF, cleaned, corrected for the primary beam (docs/imaging.md).
    #[command(
        after_help = "Examples: skyfringe image galaxy.h5 --size 384 --scale 4asec --weight natural --out galaxy\n\
                            \x20         skyfringe image galaxy.h5 --size 384 --scale 4asec --multiscale --niter 10000 \\\n\
                            \x20             --auto-mask 5 --auto-threshold 1 --out galaxy"
    )]
    Image(Box<ImageWords>),
    /// List and show arrays of stations.
    #[command(subcommand)]
    Telescope(TelescopeWords),
    /// HI skies of galaxies; make galaxies; compare models of molecular hydrogen; look into files.
    #[command(subcommand)]
    Sky(SkyWords),
    /// Time and check the inner stages; standard output is one JSON object.
    #[command(subcommand)]
    Bench(BenchWords),
}

#[derive(Debug, Subcommand)]
enum BenchWords {
    /// Image to visibilities and back, with errors against the exact sums.
    Gridder {
        /// HDF5 file of uvw[row, 3] in metres, freq[channel] in Hz and, if wanted, vis[row, channel].
        #[arg(long, value_name = "FILE")]
        workload: PathBuf,
        /// Pixels along each side.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=16384))]
        npix: u16,
        /// Pixel size in radians.
        #[arg(long, value_name = "RAD")]
        pixel_rad: f64,
        /// Relative accuracy asked for.
        #[arg(long)]
        epsilon: f64,
        /// Arithmetic.
        #[arg(long, value_enum, default_value = "f64")]
        precision: run::bench::Precision,
        /// Images gridded and degridded at once on the one uvw set.
        #[arg(long, value_name = "B", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        images: u16,
        /// Repetitions; the medians are printed.
        #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        reps: u16,
    },
    /// A galaxy without visibilities (image.method = "psf") against the visibility route.
    Fast {
        /// Array of `telescope list`.
        #[arg(long, value_name = "NAME", default_value = "ska-mid-aa4")]
        telescope: String,
        /// Pixels along each side.
        #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(8..=4096))]
        npix: u16,
        /// Pixel size with its unit.
        #[arg(long, value_name = "ANGLE", default_value = "2asec", allow_hyphen_values = true)]
        cell: String,
        /// Channels of the cube.
        #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
        channels: u16,
        /// Length of the observation with its unit.
        #[arg(long, value_name = "TIME", default_value = "4h", allow_hyphen_values = true)]
        length: String,
        /// Time steps.
        #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u16).range(1..))]
        steps: u16,
        /// natural, uniform, radial or briggs:ROBUST.
        #[arg(long, value_name = "WORD", default_value = "briggs:0")]
        weight: String,
        /// Error bound asked of the fast path, and accuracy of the visibility route's gridding.
        #[arg(long, value_name = "NUMBER", default_value = "1e-3", allow_hyphen_values = true)]
        epsilon: f64,
        /// Channels on which the visibility route is timed, to be scaled to all.
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
        visibility_channels: u16,
        /// Repetitions of the fast path; the medians are printed.
        #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
        reps: u16,
    },
    /// Gas cells to a spectral cube or a map: the toy disc of MARTINI's demo.
    Deposit {
        /// Gas cells.
        #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
        particles: u32,
        /// Pixels along each side.
        #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(8..=16384))]
        npix: u16,
        /// Channels; 0 for a map alone.
        #[arg(long, value_name = "N", default_value_t = 64)]
        channels: u16,
        /// Support radius of all kernels in pixels, in place of the demo's smoothing lengths.
        #[arg(long, value_name = "PIXELS", allow_hyphen_values = true)]
        radius_px: Option<f64>,
        /// Repetitions; the medians are printed.
        #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
        reps: u16,
        /// Write the particles into this file (HDF5), for benches/deposit_martini.py.
        #[arg(long, value_name = "FILE")]
        save: Option<PathBuf>,
    },
    /// One complex FFT of N x N.
    Fft {
        /// Cells along each side.
        #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u16).range(8..=16384))]
        npix: u16,
        /// Arithmetic.
        #[arg(long, value_enum, default_value = "f64")]
        precision: run::bench::Precision,
        /// Repetitions; the medians are printed.
        #[arg(long, value_name = "R", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
        reps: u16,
    },
}

#[derive(Debug, Args)]
struct ImageWords {
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
    out: PathBuf,
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

#[derive(Debug, Args)]
struct ChangeWords {
    /// Change one key of the configuration, as in sky.distance="50 Mpc"; may be given several times.
    #[arg(long = "set", value_name = "TABLE.KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum TelescopeWords {
    /// Names, versions and sizes of the arrays that come with the program.
    List,
    /// Stations, baselines and source of one array.
    Show {
        /// Name as in the list, a telescope file, or an OSKAR telescope folder.
        #[arg(value_name = "NAME")]
        name: String,
        /// Draw layout and uv coverage of 4 h into this file (PNG).
        #[arg(long, value_name = "FILE")]
        plot: Option<PathBuf>,
        /// Print every station.
        #[arg(long)]
        stations: bool,
        /// Rotations of SKA-Low stations (docs/telescopes.md), in place of seeded ones.
        #[arg(long, value_name = "FILE", requires = "stations")]
        rotations: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
struct GalaxyWords {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    count: u32,
    /// Seed; equal seeds give equal galaxies.
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// disc, dwarf, merger, satellites, or population: masses from the HI mass function, kinds by mass.
    #[arg(long, value_name = "KIND", default_value = "disc", value_parser = Kind::ALL.map(Kind::word))]
    kind: String,
    /// HI mass, "5e9 Msun", or a range that the HI mass function draws from, "1e8 1e10 Msun".
    #[arg(long, value_name = "MASS")]
    hi_mass: Option<String>,
    /// Redshift of the files.
    #[arg(long, value_name = "Z", default_value_t = 0.0)]
    redshift: f64,
    /// Gas cells of a file (satellites and mergers share them).
    #[arg(long, value_name = "N", default_value_t = 80_000, value_parser = clap::value_parser!(u32).range(100..=50_000_000))]
    cells: u32,
    /// Star particles of a file, and as many of dark matter.
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(0..=50_000_000))]
    stars: u32,
    /// Folder for the files; made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl GalaxyWords {
    fn order(&self) -> Result<Order> {
        let masses = self.hi_mass.as_deref().map(|text| parse_quantities(text, Dimension::Mass));
        let hi_mass_msun = match masses.transpose().map_err(|e| e.place("--hi-mass"))?.as_deref() {
            None => None,
            Some(&[mass]) => Some([mass; 2]),
            Some(&[low, high]) => Some([low, high]),
            Some(other) => {
                return Err(Error::input("--hi-mass is one mass or a range")
                    .found(format!("{} masses", other.len()))
                    .expected("\"5e9 Msun\" or \"1e8 1e10 Msun\""));
            }
        };
        Ok(Order {
            kind: Kind::named(&self.kind).unwrap_or_default(),
            seed: self.seed,
            hi_mass_msun,
            redshift: self.redshift,
            cells: Some(self.cells as usize),
            particles: self.stars as usize,
        })
    }
}

#[derive(Debug, Subcommand)]
enum SkyWords {
    /// Make galaxies in IllustrisTNG's file format, for sky.snapshot (docs/galaxies.md).
    #[command(after_help = "Examples: skyfringe sky galaxies --count 10 --seed 3 --out galaxies\n\
                            \x20         skyfringe sky galaxies --kind population --count 1000 --hi-mass \"1e8 1e10 Msun\" --out set")]
    Galaxies(GalaxyWords),
    /// A galaxy's HI on the sky, without a telescope: cubes, maps, moments, preview (docs/cubes.md).
    #[command(after_help = "Examples: skyfringe sky hi examples/quickstart.toml --out hi/\n\
                            \x20         skyfringe sky hi cutout.hdf5 --set sky.distance=\"50 Mpc\" --set sky.spectral_axis=vopt \\\n\
                            \x20             --product flux,moments --format both --out galaxy")]
    Hi {
        /// Configuration (TOML), or a snapshot: a file or folder as sky.snapshot takes it.
        #[arg(value_name = "CONFIG|SNAPSHOT")]
        input: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Take pixels, direction, channels and frames of this FITS cube (sky.like).
        #[arg(long, value_name = "FILE", conflicts_with_all = ["size", "cell"])]
        like: Option<PathBuf>,
        /// Pixels along each side (image.size) [default: 256].
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=16384))]
        size: Option<u16>,
        /// Pixel size with its unit (image.cell) [default: the galaxy fills the image].
        #[arg(long, value_name = "ANGLE", allow_hyphen_values = true)]
        cell: Option<String>,
        /// Comma-separated, of flux, kinematic, tb, column, moments and preview [default: all].
        #[arg(long, value_name = "LIST")]
        product: Option<String>,
        /// Format of maps and cubes.
        #[arg(long, value_enum, default_value = "fits")]
        format: run::hi::CubeFormat,
        /// Folder that is there, or a name that ends in "/": DIR/flux.fits, ...; else PREFIX-flux.fits, ...
        #[arg(long, value_name = "DIR/|PREFIX")]
        out: PathBuf,
    },
    /// One galaxy's HI and H2 under all models of molecular hydrogen (docs/snapshots.md).
    #[command(after_help = "Examples: skyfringe sky compare-h2 cutout.hdf5 --out h2.csv\n\
                            \x20         skyfringe sky compare-h2 snapdir_099 --set sky.centre=\"26049 10200 27254 ckpc/h\" \\\n\
                            \x20             --set sky.radius=\"60 ckpc/h\"")]
    CompareH2 {
        /// Configuration (TOML), or a snapshot: a file or folder as sky.snapshot takes it.
        #[arg(value_name = "CONFIG|SNAPSHOT")]
        input: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Write the table into this file, too (CSV).
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Maps of one object in any number of orientations: HI, T_b, gas, stars, dark matter, ... (docs/maps.md).
    #[command(after_help = "Examples: skyfringe sky maps cutout.hdf5 --width \"60 kpc\" --out maps\n\
                            \x20         skyfringe sky maps examples/tng.toml --domains hi,tb,gas --size 256 \\\n\
                            \x20             --orientations configured,random:8 --seed 3 --format hdf5 --out maps")]
    Maps(MapWords),
    /// Power spectrum of a cube of reionisation, or of a dirty cube with its PSF (docs/eor.md).
    #[command(after_help = "Examples: skyfringe sky power out/sky.fits\n\
                            \x20         skyfringe sky power out/sky.fits --psf out/psf.fits\n\
                            \x20         skyfringe sky power out/dirty.fits --psf out/psf.fits --out power.csv")]
    Power(PowerWords),
    /// What a snapshot, group catalogue, FITS image, sky list or visibility file holds.
    #[command(after_help = "Subhalos of a catalogue by mass:\n\
                            \x20 skyfringe sky info groups_099 --stellar-mass \"1e9 1e11 Msun\" --hi-mass \"1e9 1e10 Msun\" \\\n\
                            \x20     --snapshot snapdir_099 --out subhalos.csv")]
    Info(InfoWords),
}

#[derive(Debug, Args)]
struct InfoWords {
    /// Snapshot or group catalogue (file or folder), FITS image, OSKAR sky list, or visibility file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Layout of a snapshot: tng, simba, eagle, swift, camels, arrays, or auto.
    #[arg(long, value_name = "NAME", default_value = "auto")]
    format: String,
    /// Catalogue: subhalos with this mass of stars within twice their half-mass radius, as in "1e9 1e11 Msun".
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    stellar_mass: Option<String>,
    /// Catalogue: subhalos with this mass of gas.
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    gas_mass: Option<String>,
    /// Catalogue: subhalos with this mass of HI (needs --snapshot).
    #[arg(long, value_name = "RANGE", allow_hyphen_values = true)]
    hi_mass: Option<String>,
    /// Catalogue: its snapshot, whose cells tell the HI.
    #[arg(long, value_name = "PATH")]
    snapshot: Option<PathBuf>,
    /// Catalogue: TNG's offsets file, in place of counting.
    #[arg(long, value_name = "FILE", requires = "snapshot")]
    offsets: Option<PathBuf>,
    /// Catalogue: write the table into this file, too (CSV).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct PowerWords {
    /// sky.fits, or dirty.fits of a run with sky.coeval or sky.lightcone.
    #[arg(value_name = "CUBE")]
    cube: PathBuf,
    /// PSF of a dirty cube, by whose transform it is divided: psf.fits of the same run, best with uniform weights. With
    /// sky.fits it only tells which uv cells count.
    #[arg(long, value_name = "FILE")]
    psf: Option<PathBuf>,
    /// Another dirty cube of the same sky with another noise seed: the noise drops out of their common power.
    #[arg(long, value_name = "FILE", requires = "psf")]
    cross: Option<PathBuf>,
    /// uv cells count where the PSF's transform differs from that of the cells around by at most this share.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.25, allow_hyphen_values = true)]
    evenness: f64,
    /// Ranges of k across the line of sight.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
    bins: u16,
    /// Ranges of k along the line of sight.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    bins_along: u16,
    /// Write the table into this file, too (CSV).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl From<PowerWords> for run::power::PowerRequest {
    fn from(w: PowerWords) -> run::power::PowerRequest {
        run::power::PowerRequest {
            cube: w.cube,
            psf: w.psf,
            cross: w.cross,
            evenness: w.evenness,
            bins: [usize::from(w.bins), usize::from(w.bins_along)],
            out: w.out,
        }
    }
}

impl InfoWords {
    fn request(self) -> Result<run::sky::InfoRequest> {
        let ranges = [
            ("--stellar-mass", self.stellar_mass.as_deref()),
            ("--gas-mass", self.gas_mass.as_deref()),
            ("--hi-mass", self.hi_mass.as_deref()),
        ];
        let request = run::sky::InfoRequest::new(self.file, &self.format, ranges)?;
        Ok(run::sky::InfoRequest { snapshot: self.snapshot, offsets: self.offsets, out: self.out, ..request })
    }
}

#[derive(Debug, Args)]
struct MapWords {
    /// Configuration (TOML), or a snapshot: a file or folder as sky.snapshot takes it.
    #[arg(value_name = "CONFIG|SNAPSHOT")]
    input: PathBuf,
    #[command(flatten)]
    changes: ChangeWords,
    /// Comma-separated, of hi, hi-mass, tb, tb-kinematic, gas, stars, dm, temperature, metallicity, b, b-los, sfr
    /// [default: all that the file has].
    #[arg(long, value_name = "LIST")]
    domains: Option<String>,
    /// Pixels along each side [default: image.size, or 512].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(8..=16384))]
    size: Option<u16>,
    /// Width of the maps, a length at the object or an angle, as in "60 kpc" or 10arcmin [default: by image.cell, else
    /// what the selection or the HI needs].
    #[arg(long, value_name = "WIDTH", allow_hyphen_values = true)]
    width: Option<String>,
    /// Comma-separated, of configured, random:N (or N), equal-area:N, step:AXIS:ANGLE, step:AXIS:ANGLE:N and
    /// rotxy:ANGLE:ANGLE, as in step:x:30deg; AXIS is x (east), y (north) or z (away).
    #[arg(long, value_name = "LIST", default_value = "configured")]
    orientations: String,
    /// Seed of random orientations.
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    seed: u64,
    /// Subhalos of sky.group_catalogue, one after the other, each into a folder of its own, as in 5,7,9.
    #[arg(long, value_name = "LIST")]
    subhalos: Option<String>,
    /// Kernels of stars and dark matter reach to this neighbour of each.
    #[arg(long, value_name = "K", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    neighbours: u16,
    /// fits, hdf5 or both.
    #[arg(long, value_name = "WORD", default_value = "both")]
    format: String,
    /// skais: the pixels of skais-mapper 0.1.16, its faults included (docs/maps.md), into maps-skais.hdf5.
    #[arg(long, value_name = "PROGRAM")]
    compat: Option<String>,
    /// Folder for the products; made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl From<MapWords> for run::maps::MapOptions {
    fn from(w: MapWords) -> run::maps::MapOptions {
        run::maps::MapOptions {
            input: w.input,
            changes: w.changes.set,
            domains: w.domains,
            size: w.size.map(usize::from),
            width: w.width,
            orientations: w.orientations,
            seed: w.seed,
            subhalos: w.subhalos,
            neighbours: usize::from(w.neighbours),
            format: w.format,
            compat: w.compat,
            out: w.out,
        }
    }
}

/// Parses the command line, does what it says, and returns the exit status.
pub fn main() -> i32 {
    // a write beyond a file-size limit shall be an error, not a death
    // SAFETY: setting a signal to SIG_IGN before any thread exists touches no memory of ours
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let words = Words::parse();
    match execute(words).and_then(|text| print(&text)) {
        Ok(()) => 0,
        Err(error) => {
            // with standard error gone there is nobody to tell
            let _ = writeln!(std::io::stderr(), "error: {error}");
            error.exit_code()
        }
    }
}

/// Writes to standard output. A reader that has seen enough (`| head`) is no error, a full disk is.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Error::io("write", Path::new("standard output"), e)),
        _ => Ok(()),
    }
}

fn execute(words: Words) -> Result<String> {
    let stop = Arc::new(AtomicBool::new(false));
    let (handler, folder) = (stop.clone(), product_folder(&words.command));
    ctrlc::set_handler(move || {
        // the second Ctrl-C does not wait for the next check
        if handler.swap(true, std::sync::atomic::Ordering::Relaxed) {
            if let Some(folder) = &folder {
                remove_unfinished(folder);
            }
            std::process::exit(130);
        }
    })
    .map_err(|e| Error::input(format!("cannot listen for Ctrl-C: {e}")))?;
    let console = console::Console::new(Watch::stopped_by(stop), words.quiet);
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(n) = words.threads {
        pool = pool.num_threads(usize::from(n));
    }
    let pool = pool.build().map_err(|e| Error::input(format!("cannot start threads: {e}")))?;
    pool.install(|| dispatch(words.command, &console))
}

/// The folder that a command writes its products into.
fn product_folder(command: &Command) -> Option<PathBuf> {
    let beside = |file: &Path| match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    };
    match command {
        Command::Run { out, .. } => out.clone(),
        Command::Observe { out, .. } => out.as_deref().map(beside),
        Command::Image(words) => Some(beside(&words.out)),
        Command::Telescope(TelescopeWords::Show { plot, .. }) => plot.as_deref().map(beside),
        Command::Sky(SkyWords::Galaxies(words)) => Some(words.out.clone()),
        Command::Sky(SkyWords::CompareH2 { out, .. }) => out.as_deref().map(beside),
        Command::Sky(SkyWords::Hi { out, .. }) => Some(run::hi::folder_of(out)),
        Command::Sky(SkyWords::Maps(words)) => Some(words.out.clone()),
        Command::Sky(SkyWords::Info(words)) => words.out.as_deref().map(beside),
        Command::Sky(SkyWords::Power(words)) => words.out.as_deref().map(beside),
        Command::Telescope(TelescopeWords::List) | Command::Bench(_) => None,
    }
}

fn dispatch(command: Command, console: &console::Console) -> Result<String> {
    match command {
        Command::Run { config, changes, out, check, resume } => {
            let settings = run::load_settings(&config, &changes.set)?;
            match out {
                Some(out) if !check => run::chain::run(&settings, &out, resume, console).map_err(|e| {
                    let taken_up = e.is_interrupt() && out.join("run.json").exists();
                    if taken_up { e.hint("the same command with --resume goes on from what is finished") } else { e }
                }),
                _ => run::check(&settings, run::Extent::Run),
            }
        }
        Command::Observe { config, oskar_settings, changes, uvw_from, out, check } => {
            let settings = match (&config, &oskar_settings) {
                (Some(config), _) => run::load_settings(config, &changes.set)?,
                (None, Some(file)) if changes.set.is_empty() => run::oskar_settings::load(file)?,
                (None, Some(_)) => {
                    return Err(Error::input("--set changes a configuration, not OSKAR's settings")
                        .found("--set with --oskar-settings")
                        .expected("one of the two")
                        .hint("edit the settings file"));
                }
                (None, None) => unreachable!("clap asks for one of the two"),
            };
            match out {
                Some(out) if !check => run::observe::run(&settings, uvw_from.as_deref(), &out, console),
                _ => run::check(&settings, run::Extent::Observe),
            }
        }
        Command::Image(words) => run::image::run(&run::image::ImageRequest::new((*words).into())?, console),
        Command::Telescope(TelescopeWords::List) => Ok(run::telescope::list()),
        Command::Telescope(TelescopeWords::Show { name, plot, stations, rotations }) => {
            run::telescope::show(&name, plot.as_deref(), stations, rotations.as_deref())
        }
        Command::Sky(SkyWords::Galaxies(w)) => run::sky::galaxies(&w.order()?, w.count, &w.out, console),
        Command::Sky(SkyWords::Hi { input, changes, like, size, cell, product, format, out }) => {
            let products = run::hi::HiProduct::parse_list(product.as_deref())?;
            let settings = run::hi::settings(&input, &changes.set, like.as_deref(), size, cell.as_deref())?;
            run::hi::run(&settings, &run::hi::HiOptions { products, format, out }, console)
        }
        Command::Sky(SkyWords::CompareH2 { input, changes, out }) => {
            let settings = run::compare_h2::settings(&input, &changes.set)?;
            run::compare_h2::run(&settings, out.as_deref(), console)
        }
        Command::Sky(SkyWords::Maps(words)) => run::maps::run(&run::maps::MapsRequest::new(words.into())?, console),
        Command::Sky(SkyWords::Power(words)) => run::power::run(&words.into(), console),
        Command::Sky(SkyWords::Info(words)) => run::sky::info(&words.request()?, console),
        Command::Bench(BenchWords::Gridder { workload, npix, pixel_rad, epsilon, precision, images, reps }) => {
            let request = run::bench::GridderRequest {
                workload,
                npix: usize::from(npix),
                pixel_rad,
                epsilon,
                precision,
                images: usize::from(images),
                reps: usize::from(reps),
            };
            run::bench::gridder(&request, console)
        }
        Command::Bench(BenchWords::Deposit { particles, npix, channels, radius_px, reps, save }) => {
            let request = run::bench::DepositRequest {
                particles: particles as usize,
                npix: usize::from(npix),
                channels: usize::from(channels),
                radius_px,
                reps: usize::from(reps),
                save,
            };
            run::bench::deposition(&request, console)
        }
        Command::Bench(BenchWords::Fft { npix, precision, reps }) => {
            run::bench::fft(usize::from(npix), precision, usize::from(reps))
        }
        Command::Bench(BenchWords::Fast {
            telescope,
            npix,
            cell,
            channels,
            length,
            steps,
            weight,
            epsilon,
            visibility_channels,
            reps,
        }) => {
            let request = run::bench::FastRequest {
                telescope,
                npix: usize::from(npix),
                cell,
                channels: usize::from(channels),
                length,
                steps: usize::from(steps),
                weight,
                epsilon,
                visibility_channels: usize::from(visibility_channels),
                reps: usize::from(reps),
            };
            run::bench::fast(&request, console)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_are_consistent() {
        Words::command().debug_assert();
    }
}
