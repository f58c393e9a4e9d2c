//! The words of the command line; [`crate::run`] does the work.

mod console;

use crate::error::{Error, Result, Watch};
use crate::run;
use clap::{Args, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Radio interferometry simulator: simulated galaxies to what a telescope sees of them.
#[derive(Debug, Parser)]
#[command(name = "skyfringe", version, propagate_version = true, arg_required_else_help = true)]
struct Words {
    #[command(subcommand)]
    command: Command,
    /// Threads to use; all cores by default. The results do not depend on it.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Say nothing on standard error but errors.
    #[arg(long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The whole chain: sky, visibilities, noise, images, preview.
    Run {
        #[command(flatten)]
        config: ConfigWords,
        /// Folder for the products; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Validate only; print what the run would need.
        #[arg(long)]
        check: bool,
        /// Take up an interrupted run: keep the products in --out that this configuration made.
        #[arg(long)]
        resume: bool,
    },
    /// Sky to visibilities alone.
    Observe {
        /// Configuration file.
        #[arg(value_name = "CONFIG", required_unless_present = "oskar_settings", conflicts_with = "oskar_settings")]
        config: Option<PathBuf>,
        /// OSKAR's settings.ini in place of a configuration.
        #[arg(long, value_name = "FILE")]
        oskar_settings: Option<PathBuf>,
        /// Change one key of the configuration: table.key=value.
        #[arg(long = "set", value_name = "KEY=VALUE", conflicts_with = "oskar_settings")]
        set: Vec<String>,
        /// Predict onto the uvw, channels and phase centre of this visibility file.
        #[arg(long, value_name = "FILE", conflicts_with = "oskar_settings")]
        uvw_from: Option<PathBuf>,
        /// Visibility file to write (HDF5).
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Validate only; print what the run would need.
        #[arg(long)]
        check: bool,
    },
    /// Visibilities to dirty image and PSF cubes.
    Image {
        /// Visibility file (HDF5).
        #[arg(value_name = "FILE")]
        visibilities: PathBuf,
        /// Pixels along each side.
        #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u16).range(8..=16384))]
        size: u16,
        /// Pixel size, for example 2asec.
        #[arg(long, value_name = "ANGLE")]
        scale: String,
        /// natural, uniform or briggs:ROBUST.
        #[arg(long, default_value = "briggs:0")]
        weight: String,
        /// Relative accuracy of gridding.
        #[arg(long, default_value_t = 1e-5)]
        epsilon: f64,
        /// Exact sums instead of gridding (slow; for comparisons).
        #[arg(long)]
        dft: bool,
        /// Keep baselines beyond the grid's Nyquist limit (periodic; for comparisons with the DFT).
        #[arg(long)]
        keep_beyond_nyquist: bool,
        /// Products are PREFIX-dirty.fits and PREFIX-psf.fits.
        #[arg(long, value_name = "PREFIX")]
        out: PathBuf,
    },
    /// The arrays that come with the program.
    #[command(subcommand)]
    Telescope(TelescopeWords),
    /// Skies: make galaxies, look into files.
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
struct ConfigWords {
    /// Configuration file (TOML).
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// Change one key of the configuration: table.key=value.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum TelescopeWords {
    /// Names, versions and sizes of the arrays.
    List,
    /// Stations, baselines and source of one array.
    Show {
        /// Name as in the list, a telescope file, or an OSKAR telescope folder.
        #[arg(value_name = "NAME")]
        name: String,
        /// Picture of layout and uv coverage (PNG).
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

#[derive(Debug, Subcommand)]
enum SkyWords {
    /// Make galaxies in IllustrisTNG's file format.
    Galaxies {
        /// How many.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
        /// Seed; equal seeds give equal galaxies.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Folder for the files; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// What a snapshot, FITS image, sky list or visibility file holds.
    Info {
        /// A file, or the folder of a snapshot.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// Parses the command line, does what it says, and returns the exit status.
pub fn main() -> i32 {
    // a write beyond a file-size limit shall be an error, not a death
    // SAFETY: setting a signal to SIG_IGN before any thread exists touches no memory of ours
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let words = Words::parse();
    match execute(words) {
        Ok(text) => {
            // a reader that has seen enough (`| head`) is no error
            let _ = std::io::stdout().write_all(text.as_bytes());
            0
        }
        Err(error) => {
            eprintln!("error: {error}");
            error.exit_code()
        }
    }
}

fn execute(words: Words) -> Result<String> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = stop.clone();
    ctrlc::set_handler(move || {
        // the second Ctrl-C does not wait for the next check
        if handler.swap(true, std::sync::atomic::Ordering::Relaxed) {
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

fn dispatch(command: Command, console: &console::Console) -> Result<String> {
    match command {
        Command::Run { config, out, check, resume } => {
            let settings = run::load_settings(&config.config, &config.set)?;
            if check {
                return run::check(&settings);
            }
            run::chain::run(&settings, &out, resume, console)
        }
        Command::Observe { config, oskar_settings, set, uvw_from, out, check } => {
            let settings = match (&config, &oskar_settings) {
                (Some(config), _) => run::load_settings(config, &set)?,
                (None, Some(file)) => run::oskar_settings::load(file)?,
                (None, None) => unreachable!("clap asks for one of the two"),
            };
            if check {
                return run::check(&settings);
            }
            run::observe::run(&settings, uvw_from.as_deref(), &out, console)
        }
        Command::Image { visibilities, size, scale, weight, epsilon, dft, keep_beyond_nyquist, out } => {
            let request = run::image::ImageRequest::new(
                visibilities,
                usize::from(size),
                &scale,
                &weight,
                (!dft).then_some(epsilon),
                keep_beyond_nyquist,
                out,
            )?;
            run::image::run(&request, console)
        }
        Command::Telescope(TelescopeWords::List) => Ok(run::telescope::list()),
        Command::Telescope(TelescopeWords::Show { name, plot, stations, rotations }) => {
            run::telescope::show(&name, plot.as_deref(), stations, rotations.as_deref())
        }
        Command::Sky(SkyWords::Galaxies { count, seed, out }) => run::sky::galaxies(count, seed, &out, console),
        Command::Sky(SkyWords::Info { file }) => run::sky::info(&file),
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
        Command::Bench(BenchWords::Fft { npix, precision, reps }) => {
            run::bench::fft(usize::from(npix), precision, usize::from(reps))
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
