//! The words of the command line; [`crate::run`] does the work.

mod bench;
mod console;
mod dataset;
mod image;
#[cfg(feature = "learn")]
mod learn;
mod sky;

use crate::error::{Error, Result, Watch};
use crate::formats::remove_unfinished;
use crate::run;
use crate::units::{Dimension, parse_quantity};
use bench::BenchWords;
use clap::{Args, Parser, Subcommand};
use dataset::DatasetWords;
use image::ImageWords;
use sky::SkyWords;
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
        /// Memory to stay within, \"8GB\": time steps or channels are made one part after the other [default: three quarters of
        /// what is free].
        #[arg(long, value_name = "SIZE", conflicts_with = "uvw_from")]
        memory: Option<String>,
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
    /// What a station sees, over the sky: power, amplitude and phase as FITS images and a picture.
    #[command(after_help = "Example: skyfringe beam examples/ska-low.toml --station 0 --fov \"10 deg\" --out beam")]
    Beam {
        /// Configuration file (TOML): its telescope, observation and beams.
        #[arg(value_name = "CONFIG")]
        config: PathBuf,
        #[command(flatten)]
        changes: ChangeWords,
        /// Name of the station, or its number from 0.
        #[arg(long, value_name = "NAME", default_value = "0")]
        station: String,
        /// Frequency, \"150 MHz\" [default: sky.band_centre].
        #[arg(long, value_name = "QUANTITY")]
        frequency: Option<String>,
        /// Time step, from 0 [default: the middle one].
        #[arg(long, value_name = "N")]
        step: Option<usize>,
        /// Pixels along each side.
        #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(8..=4096))]
        size: u16,
        /// Width of the picture, \"10 deg\", at most 180 deg [default: four times wavelength over the station's size].
        #[arg(long, value_name = "ANGLE")]
        fov: Option<String>,
        /// Folder for the products; made where it is missing.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// List and show arrays of stations.
    #[command(subcommand)]
    Telescope(TelescopeWords),
    /// HI skies of galaxies; make galaxies; compare models of molecular hydrogen; look into files.
    #[command(subcommand)]
    Sky(SkyWords),
    /// Training pairs by the thousand: build, check, merge and export data sets (docs/datasets.md).
    #[command(subcommand)]
    Dataset(DatasetWords),
    #[cfg(feature = "learn")]
    #[command(flatten)]
    Learn(learn::LearnWords),
    /// Time and check the inner stages; standard output is one JSON object.
    #[command(subcommand)]
    Bench(BenchWords),
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

/// The folder of a file.
fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The folder that a command writes its products into.
fn product_folder(command: &Command) -> Option<PathBuf> {
    match command {
        Command::Run { out, .. } => out.clone(),
        Command::Observe { out, .. } => out.as_deref().map(folder_of),
        Command::Image(words) => Some(folder_of(&words.out)),
        Command::Telescope(TelescopeWords::Show { plot, .. }) => plot.as_deref().map(folder_of),
        Command::Beam { out, .. } => Some(out.clone()),
        Command::Sky(words) => words.product_folder(),
        Command::Dataset(words) => words.product_folder(),
        #[cfg(feature = "learn")]
        Command::Learn(words) => words.product_folder(),
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
        Command::Observe { config, oskar_settings, changes, uvw_from, out, memory, check } => {
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
            let memory = run::memory_limit(memory.as_deref())?;
            match out {
                Some(out) if !check => run::observe::run(&settings, uvw_from.as_deref(), memory, &out, console),
                _ => run::check(&settings, run::Extent::Observe { memory }),
            }
        }
        Command::Image(words) => run::image::run(&run::image::ImageRequest::new((*words).into())?, console),
        Command::Beam { config, changes, station, frequency, step, size, fov, out } => {
            let settings = run::load_settings(&config, &changes.set)?;
            let quantity = |text: Option<String>, key: &str, dimension| {
                text.map(|text| parse_quantity(&text, dimension).map_err(|e| e.place(key))).transpose()
            };
            let request = run::beam::BeamRequest {
                station,
                freq_hz: quantity(frequency, "--frequency", Dimension::Frequency)?,
                step,
                size: usize::from(size),
                width_rad: quantity(fov, "--fov", Dimension::Angle)?,
            };
            run::beam::run(&settings, &request, &out)
        }
        Command::Telescope(TelescopeWords::List) => Ok(run::telescope::list()),
        Command::Telescope(TelescopeWords::Show { name, plot, stations, rotations }) => {
            run::telescope::show(&name, plot.as_deref(), stations, rotations.as_deref())
        }
        Command::Sky(words) => words.run(console),
        Command::Dataset(words) => words.run(console),
        #[cfg(feature = "learn")]
        Command::Learn(words) => words.run(console),
        Command::Bench(words) => words.run(console),
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
