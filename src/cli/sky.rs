//! The words of `sky`.

use super::console::Console;
use super::{ChangeWords, folder_of};
use crate::error::{Error, Result};
use crate::run;
use crate::sky::galaxy::{Kind, Order};
use crate::units::{Dimension, parse_quantities};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(super) enum SkyWords {
    /// Make galaxies in IllustrisTNG's file format, for sky.snapshot (docs/galaxies.md).
    #[command(after_help = "Examples: skyfringe sky galaxies --count 10 --seed 3 --out galaxies\n\
                            \x20         skyfringe sky galaxies --kind population --count 1000 --hi-mass \"1e8 1e10 Msun\" --out set")]
    Galaxies(GalaxyWords),
    /// A galaxy's HI on the sky, without a telescope: cubes, maps, moments, preview (docs/cubes.md).
    #[command(after_help = "Examples: skyfringe sky hi examples/quickstart.toml --out hi/\n\
                            \x20         skyfringe sky hi cutout.hdf5 --set sky.distance=\"50 Mpc\" --set sky.spectral_axis=vopt \\\n\
                            \x20             --product flux,moments --format both --out galaxy")]
    Hi(HiWords),
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

impl SkyWords {
    /// Does what they say.
    pub(super) fn run(self, console: &Console) -> Result<String> {
        match self {
            SkyWords::Galaxies(w) => run::sky::galaxies(&w.order()?, w.count, &w.out, console),
            SkyWords::Hi(w) => {
                let products = run::hi::HiProduct::parse_list(w.product.as_deref())?;
                let (like, cell) = (w.like.as_deref(), w.cell.as_deref());
                let settings = run::hi::settings(&w.input, &w.changes.set, like, w.size, cell)?;
                run::hi::run(&settings, &run::hi::HiOptions { products, format: w.format, out: w.out }, console)
            }
            SkyWords::CompareH2 { input, changes, out } => {
                let settings = run::compare_h2::settings(&input, &changes.set)?;
                run::compare_h2::run(&settings, out.as_deref(), console)
            }
            SkyWords::Maps(words) => run::maps::run(&run::maps::MapsRequest::new(words.into())?, console),
            SkyWords::Power(words) => run::power::run(&words.into(), console),
            SkyWords::Info(words) => run::sky::info(&words.request()?, console),
        }
    }

    /// The folder that products go into.
    pub(super) fn product_folder(&self) -> Option<PathBuf> {
        match self {
            SkyWords::Galaxies(words) => Some(words.out.clone()),
            SkyWords::CompareH2 { out, .. } => out.as_deref().map(folder_of),
            SkyWords::Hi(words) => Some(run::hi::folder_of(&words.out)),
            SkyWords::Maps(words) => Some(words.out.clone()),
            SkyWords::Info(words) => words.out.as_deref().map(folder_of),
            SkyWords::Power(words) => words.out.as_deref().map(folder_of),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct GalaxyWords {
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

#[derive(Debug, Args)]
pub(super) struct InfoWords {
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
pub(super) struct PowerWords {
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
pub(super) struct MapWords {
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

#[derive(Debug, Args)]
pub(super) struct HiWords {
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
}
