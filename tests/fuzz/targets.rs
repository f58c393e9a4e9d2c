//! The readers. A new one is one entry: its name, how its inputs are damaged, good inputs, and how it is called.

use super::{hdf_seeds, seeds};
use skyfringe::datasets::{Manifest, Plan, ShardRecord};
use skyfringe::error::Watch;
use skyfringe::formats::catalogue::{Catalogue, CatalogueFormat};
use skyfringe::formats::config::Document;
use skyfringe::formats::eor::{EorKind, EorWords, describe_eor};
use skyfringe::formats::fits::{
    HealpixFile, header_summary, read_array, read_array_shape, read_axes, read_beam, read_cube, read_map,
};
use skyfringe::formats::hdf_cube::hdf_cube_summary;
use skyfringe::formats::maps::maps_summary;
use skyfringe::formats::oskar::{
    parse_oskar_pointing, parse_oskar_settings, parse_oskar_sky, read_oskar_pattern_folder, read_oskar_sky,
    read_oskar_telescope,
};
use skyfringe::formats::shard::{ShardReader, shard_summary};
use skyfringe::formats::snapshot::{
    Format, ParticleKind, ReadOptions, describe, first_gas_cells, group_of_subhalo, read_catalogue, read_gas,
    read_particles, snapshot_header, subhalo_gas,
};
use skyfringe::formats::telescope::{parse_rotations, parse_telescope, read_telescope};
use skyfringe::formats::visibilities::{ChannelReader, read_visibilities, read_visibility_frame};
use skyfringe::run::Unseen;
use skyfringe::run::params::Settings;
use skyfringe::run::sky::{InfoRequest, info};
use skyfringe::sky::components::Component;
use skyfringe::telescope::Telescope;
use skyfringe::time::parse_utc;
use skyfringe::units::{BoxLength, Dimension, parse_quantity};
use std::path::Path;

/// A reader, and inputs that it likes.
#[derive(Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    pub kind: Kind,
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Reads the bytes, or the file that holds them; whether it could.
    pub read: fn(&[u8], &Path) -> bool,
}

/// How inputs are damaged.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// Lines, words and numbers.
    Text,
    /// Bytes and binary integers.
    Bytes,
    /// Header cards, too.
    Fits,
    /// Groups, data sets and attributes, too.
    Hdf5,
}

const fn target(name: &'static str, kind: Kind, seeds: fn() -> Vec<Vec<u8>>, read: fn(&[u8], &Path) -> bool) -> Target {
    Target { name, kind, seeds, read }
}

use Kind::{Bytes, Fits, Hdf5, Text};

pub const TARGETS: &[Target] = &[
    // text
    target("oskar-sky", Text, seeds::skies, |b, f| sources(&text(b)) & read_oskar_sky(f).is_ok()),
    target("oskar-settings", Text, seeds::oskar_settings, |b, _| parse_oskar_settings(&text(b), "x").is_ok()),
    target("oskar-folder", Text, seeds::layouts, oskar_folder),
    target("telescope", Text, seeds::telescopes, |b, f| {
        parse_telescope(&text(b), "x").is_ok() & read_telescope(f).is_ok() & Telescope::from_file(f).is_ok()
    }),
    target("oskar-pointing", Text, seeds::pointings, |b, _| parse_oskar_pointing(&text(b), "x").is_ok()),
    target("oskar-waves", Text, seeds::waves, waves),
    target("votable", Text, seeds::votables, |b, f| {
        let parsed = Catalogue::parse_votable(&text(b), "x", None);
        parsed.is_ok_and(|table| values(&table)) & catalogue(f)
    }),
    target("rotations", Text, seeds::rotations, |b, _| parse_rotations(&text(b), "x").is_ok()),
    target("configuration", Text, seeds::configurations, |b, f| {
        // a file that is no UTF-8 is refused at once; what is behind that is tried all the same
        Document::parse(&text(b), "x").and_then(|d| Settings::from_document(&d)).is_ok() & Document::read(f).is_ok()
    }),
    target("quantity", Text, seeds::quantities, |b, _| {
        let all = [Dimension::Frequency, Dimension::Angle, Dimension::Length, Dimension::Time];
        all.iter().filter(|dimension| parse_quantity(&text(b), **dimension).is_ok()).count() > 0
    }),
    target("utc", Text, seeds::times, |b, _| parse_utc(&text(b)).is_ok()),
    target("dataset-plan", Text, seeds::plans, |b, f| Plan::read(&as_file(b, f, Plan::NAME)).is_ok()),
    target("dataset-manifest", Text, seeds::manifests, |b, f| Manifest::read(&as_file(b, f, Manifest::NAME)).is_ok()),
    target("dataset-record", Text, seeds::records, |b, f| {
        ShardRecord::read(&as_file(b, f, &ShardRecord::name(0)), 0).is_ok()
    }),
    #[cfg(feature = "learn")]
    target("model-card", Text, seeds::cards, |b, _| {
        let value = serde_json::from_slice(b).ok();
        value.is_some_and(|v| skyfringe::learn::card::ModelCard::from_json(&v).is_ok())
    }),
    #[cfg(feature = "learn")]
    target("training-log", Text, seeds::logs, |_, f| skyfringe::learn::train::read_log(f).is_ok()),
    // bytes
    #[cfg(feature = "learn")]
    target("safetensors", Bytes, seeds::tensors, |_, f| skyfringe::formats::safetensors::read(f).is_ok()),
    target("npz", Bytes, seeds::archives, |_, f| describe(f, None).is_ok() & gas(f, None)),
    // FITS
    target("fits-cube", Fits, seeds::images, |_, f| read_cube(f).is_ok()),
    target("fits-map", Fits, seeds::images, |_, f| read_map(f).is_ok()),
    target("fits-array", Fits, seeds::images, |_, f| read_array(f).is_ok() & read_array_shape(f).is_ok()),
    target("fits-axes", Fits, seeds::images, |_, f| read_axes(f).is_ok() & header_summary(f).is_ok()),
    target("fits-beam", Fits, seeds::images, |_, f| read_beam(f).is_ok()),
    target("fits-table", Fits, seeds::tables, |_, f| catalogue(f)),
    target("healpix", Fits, seeds::healpix_maps, |_, f| {
        let read = |map: HealpixFile| map.columns.iter().all(|c| map.values(c).is_ok()) & map.numbers().is_ok();
        HealpixFile::open(f).is_ok_and(read)
    }),
    target("fits-eor", Fits, seeds::boxes, |_, f| eor(f, EorKind::Coeval) & eor(f, EorKind::LightCone)),
    // HDF5
    target("visibilities", Hdf5, hdf_seeds::visibilities, |_, f| read_visibilities(f).is_ok()),
    target("visibility-frame", Hdf5, hdf_seeds::visibilities, |_, f| {
        // a few channels at a time are read by another way than all
        let reader = ChannelReader::open(f);
        let part = reader.is_ok_and(|r| r.weights_from(f).read(0..1).is_ok());
        read_visibility_frame(f).is_ok() & part
    }),
    target("snapshot", Hdf5, hdf_seeds::snapshots, |_, f| {
        snapshot_header(f, None).is_ok() & describe(f, None).is_ok() & gas(f, None)
    }),
    target("snapshot-forced", Hdf5, hdf_seeds::snapshots, |_, f| {
        Format::NAMES.iter().filter(|name| gas(f, Format::named(name))).count() > 0
    }),
    target("particles", Hdf5, hdf_seeds::tng, |_, f| {
        let read = |kind| read_particles(f, &ReadOptions::default(), kind, &Watch::silent()).is_ok();
        read(ParticleKind::Stars) & read(ParticleKind::DarkMatter)
    }),
    target("catalogue", Hdf5, hdf_seeds::catalogues, |_, f| {
        let all = read_catalogue(f, |_, _| true, &Watch::silent()).is_ok();
        let one = subhalo_gas(f, None, 1).is_ok() & group_of_subhalo(f, 1).is_ok();
        all & one & first_gas_cells(f, None, &[0, 1]).is_ok()
    }),
    target("offsets", Hdf5, hdf_seeds::offsets, |_, f| {
        let catalogue = f.with_extension("good");
        if !catalogue.exists() {
            std::fs::write(&catalogue, &hdf_seeds::catalogues()[0]).unwrap();
        }
        subhalo_gas(&catalogue, Some(f), 1).is_ok() & first_gas_cells(&catalogue, Some(f), &[0, 1]).is_ok()
    }),
    target("shard", Hdf5, hdf_seeds::shards, |_, f| {
        let read = |r: ShardReader| (0..r.header().fields.len()).all(|k| r.read(k, 0).is_ok());
        ShardReader::open(f).is_ok_and(read) & shard_summary(f).is_ok()
    }),
    target("hdf-cube", Hdf5, hdf_seeds::cubes, |_, f| hdf_cube_summary(f).is_ok_and(|s| s.is_some())),
    target("maps", Hdf5, hdf_seeds::maps, |_, f| maps_summary(f).is_ok_and(|s| s.is_some())),
    target("eor-coeval", Hdf5, hdf_seeds::coeval, |_, f| eor(f, EorKind::Coeval)),
    target("eor-lightcone", Hdf5, hdf_seeds::light_cones, |_, f| eor(f, EorKind::LightCone)),
    // what a user calls
    target("info-hdf5", Hdf5, hdf_seeds::all, |_, f| sky_info(f)),
    target("info-fits", Fits, seeds::images, |_, f| sky_info(f)),
    target("info-bytes", Bytes, seeds::any, |_, f| sky_info(f)),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sources and what they are at two frequencies.
fn sources(text: &str) -> bool {
    let Ok(list) = parse_oskar_sky(text, "x") else { return false };
    let components: Vec<Component> = list.into_iter().map(Component::from).collect();
    components.iter().flat_map(|c| [1e8, 1.4e9].map(|freq_hz| c.stokes_at(freq_hz))).count() > 0
}

/// A folder of good files but for one, which the bytes themselves choose, and which they are.
fn oskar_folder(bytes: &[u8], path: &Path) -> bool {
    let folder = path.with_extension("tm");
    let names =
        ["position.txt", "layout.txt", "s/layout.txt", "s/gain_phase.txt", "s/apodisation.txt", "s/feed_angle_x.txt"];
    let damaged = names[bytes.iter().map(|b| usize::from(*b)).sum::<usize>() % names.len()];
    std::fs::create_dir_all(folder.join("s")).unwrap();
    for (name, good) in names.into_iter().zip(["1 2\n", "0 0\n1 1\n", "0 0\n", "1\n", "1 0\n", "0\n"]) {
        std::fs::write(folder.join(name), if name == damaged { bytes } else { good.as_bytes() }).unwrap();
    }
    read_oskar_telescope(&folder).and_then(|model| Telescope::from_oskar("x", &model)).is_ok()
}

/// Every column of every table of a catalogue; whether any could be read.
fn catalogue(path: &Path) -> bool {
    let Ok(Some(format)) = CatalogueFormat::of(path) else { return false };
    let tables = Catalogue::tables(path, format).unwrap_or_default();
    let read = |number: usize| Catalogue::read(path, format, Some(&number.to_string()));
    (1..=tables.len().min(4)).filter(|number| read(*number).is_ok_and(|table| values(&table))).count() > 0
}

fn values(table: &Catalogue) -> bool {
    (0..table.columns.len().min(64)).filter(|column| table.values(&[*column]).is_ok()).count() > 0
}

/// A folder of patterns of which one part is the bytes.
fn waves(bytes: &[u8], path: &Path) -> bool {
    let folder = path.with_extension("waves");
    std::fs::create_dir_all(&folder).unwrap();
    let part = bytes.len() % 4;
    for (k, name) in ["te_re", "te_im", "tm_re", "tm_im"].into_iter().enumerate() {
        let file = folder.join(format!("element_pattern_spherical_wave_{name}_0_100.txt"));
        std::fs::write(file, if k == part { bytes } else { b"1 2 3\n1 2 3 4 5\n" }).unwrap();
    }
    read_oskar_pattern_folder(&folder).is_ok()
}

/// A folder beside `path` with the bytes as its file `name`.
fn as_file(bytes: &[u8], path: &Path, name: &str) -> std::path::PathBuf {
    let folder = path.with_extension("set");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), bytes).unwrap();
    folder
}

fn gas(path: &Path, format: Option<Format>) -> bool {
    let options = ReadOptions {
        format,
        allow_missing_chunks: true,
        magnetic_field: true,
        metallicity: true,
        most_bytes: Some(1e8),
        ..ReadOptions::default()
    };
    read_gas(path, &options, &Watch::silent()).is_ok()
}

fn eor(path: &Path, kind: EorKind) -> bool {
    let words = EorWords { box_length: Some(BoxLength::cmpc(60.0)), redshift: Some(8.0), ..EorWords::default() };
    let stated = describe_eor(path, kind, &EorWords::default()).is_ok();
    let read = describe_eor(path, kind, &words).and_then(|file| file.read(0..file.shape[2].min(2)));
    read.is_ok() | stated
}

fn sky_info(path: &Path) -> bool {
    info(&InfoRequest { path: path.into(), ..InfoRequest::default() }, &Unseen).is_ok()
}

/// Readers that fail where [`is_bad`] says so, and what is said of it: to see that it is noticed.
pub const BROKEN: &[(Target, &str)] = &[
    (target("panics", Bytes, seeds::quantities, |b, _| !is_bad(b) || panic!("on purpose")), "on purpose"),
    (target("aborts", Bytes, seeds::quantities, |b, _| !is_bad(b) || std::process::abort()), "signal 6"),
    (target("recurses", Bytes, seeds::quantities, |b, _| !is_bad(b) || deep(b) > 0), "stack"),
    (
        target("takes-all", Bytes, seeds::quantities, |b, _| {
            !is_bad(b) || std::hint::black_box(vec![1u8; 3 << 30]).len() > 1
        }),
        "memory allocation",
    ),
    (target("sleeps", Bytes, seeds::quantities, |b, _| !is_bad(b) || forever(true)), "no end within"),
    (target("spins", Bytes, seeds::quantities, |b, _| !is_bad(b) || forever(false)), "no end within"),
    (target("sound", Bytes, seeds::quantities, |_, _| true), ""),
];

/// Whether a broken reader fails at these bytes.
pub fn is_bad(bytes: &[u8]) -> bool {
    bytes.iter().map(|b| u64::from(*b)).sum::<u64>() % 5 == 0
}

#[allow(unconditional_recursion, reason = "it is to exhaust the stack")]
fn deep(bytes: &[u8]) -> usize {
    let copy = std::hint::black_box([bytes; 64]);
    deep(copy[63]) + copy.len()
}

fn forever(asleep: bool) -> bool {
    loop {
        std::thread::sleep(std::time::Duration::from_millis(if asleep { 1000 } else { 0 }));
    }
}
