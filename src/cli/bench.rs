//! The words of `bench`.

use super::console::Console;
use crate::error::Result;
use crate::run;
use clap::Subcommand;
use std::path::PathBuf;

/// Products of a baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum StokesWord {
    /// Stokes I.
    #[value(name = "I")]
    I,
    /// XX, XY, YX, YY.
    Full,
}

#[derive(Debug, Subcommand)]
pub(super) enum BenchWords {
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
    /// Samples of a data set per CPU second: 2-D pairs and cube pairs, stage by stage.
    Dataset {
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
        /// Gas cells of a galaxy.
        #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
        cells: u32,
        /// Length of the observation with its unit.
        #[arg(long, value_name = "TIME", default_value = "4h", allow_hyphen_values = true)]
        length: String,
        /// Time steps.
        #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u16).range(1..))]
        steps: u16,
        /// Channels on which the visibility route is timed and multiplied to all; 0 for none.
        #[arg(long, value_name = "N", default_value_t = 2)]
        visibility_channels: u16,
        /// Samples of each kind; the medians are printed.
        #[arg(long, value_name = "R", default_value_t = 9, value_parser = clap::value_parser!(u16).range(1..))]
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
    /// Steps of a CycleGAN on the CPU (benches/torch/cyclegan_step.py is the same in PyTorch).
    #[cfg(feature = "learn")]
    Train {
        /// Pixels of a side.
        #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(24..))]
        npix: u16,
        /// Channels of the networks' first layers.
        #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
        width: u16,
        /// Residual blocks of the generators.
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
        blocks: u16,
        /// Images of each domain a step.
        #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
        batch: u16,
        /// Images that a thread works on at once.
        #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..))]
        piece: u16,
        /// Steps that are timed; the medians are printed.
        #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
        steps: u16,
    },
    /// The direct sum over point sources, with its error against the sum of all terms.
    Predict {
        /// Stations.
        #[arg(long, value_name = "N", default_value_t = 512, value_parser = clap::value_parser!(u16).range(2..))]
        stations: u16,
        /// Point sources.
        #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        sources: u32,
        /// Time steps of a minute.
        #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..))]
        times: u16,
        /// Channels of 10 kHz.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        channels: u16,
        /// Stokes I, or all products of polarised sources.
        #[arg(long, value_enum, default_value = "I")]
        stokes: StokesWord,
        /// What is summed in; phases are f64 in any case.
        #[arg(long, value_enum, default_value = "f64")]
        precision: run::bench::Precision,
        /// Smear samples of 60 s and 500 kHz: OSKAR's factors, or the average to 1e-4. Without a word: sinc.
        #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "sinc")]
        smearing: Option<run::bench::SmearingWord>,
        /// Stations of so many half-wave dipoles, each with its own layout; 0 for stations without beams.
        #[arg(long, value_name = "N", default_value_t = 0)]
        station_antennas: u16,
        /// Repetitions; the fastest is printed.
        #[arg(long, value_name = "R", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        reps: u16,
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

impl BenchWords {
    /// Does what they say.
    pub(super) fn run(self, console: &Console) -> Result<String> {
        match self {
            BenchWords::Gridder { workload, npix, pixel_rad, epsilon, precision, images, reps } => {
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
            BenchWords::Dataset {
                telescope,
                npix,
                cell,
                channels,
                cells,
                length,
                steps,
                visibility_channels,
                reps,
            } => {
                let request = run::bench::DatasetRequest {
                    telescope,
                    npix: usize::from(npix),
                    cell,
                    channels: usize::from(channels),
                    cells: cells as usize,
                    length,
                    steps: usize::from(steps),
                    visibility_channels: usize::from(visibility_channels),
                    reps: usize::from(reps),
                };
                run::bench::dataset(&request, console)
            }
            BenchWords::Deposit { particles, npix, channels, radius_px, reps, save } => {
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
            #[cfg(feature = "learn")]
            BenchWords::Train { npix, width, blocks, batch, piece, steps } => {
                let [npix, width, blocks, batch, piece, steps] =
                    [npix, width, blocks, batch, piece, steps].map(usize::from);
                run::bench::train(run::bench::TrainRequest { npix, width, blocks, batch, piece, steps })
            }
            BenchWords::Predict {
                stations,
                sources,
                times,
                channels,
                stokes,
                precision,
                smearing,
                station_antennas,
                reps,
            } => run::bench::predict(&run::bench::PredictRequest {
                stations: usize::from(stations),
                sources: sources as usize,
                times: usize::from(times),
                channels: usize::from(channels),
                full: stokes == StokesWord::Full,
                precision,
                smearing,
                station_antennas: usize::from(station_antennas),
                reps: usize::from(reps),
            }),
            BenchWords::Fft { npix, precision, reps } => {
                run::bench::fft(usize::from(npix), precision, usize::from(reps))
            }
            BenchWords::Fast {
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
            } => {
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
}
