//! Good inputs of text, FITS, JSON and archives.

use super::hdf_seeds;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use skyfringe::datasets::{
    FailedSample, Layout, Manifest, Plan, PlanField, PlanGalaxy, PlanInstrument, Scaling, ScalingKind, ShardRecord,
    Split, SplitRequest,
};
use skyfringe::formats::fits::{Beam, Card, FitsCube, SkyAxes, SpectralAxis, write_cube};
use skyfringe::units::RaDec;
use std::io::Write;
use std::path::Path;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// What `write` leaves in a file.
pub fn written(write: impl Fn(&Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("good"));
    std::fs::read(folder.path().join("good")).unwrap()
}

pub fn skies() -> Vec<Vec<u8>> {
    let named = "Format = RaD, DecD, I, Q, ReferenceFrequency='1e8', FrequencyIncrement, LineWidth, SpectralIndex, LogarithmicSI, \
                 RotationMeasure, PolarizationAngle, pol_frac, MajorAxis, MinorAxis, PositionAngle\n\
                 1 2 [1 2] 0 [1e8 1.2e8],, [1e6 2e6]\n1:02:03 -4.5.6 1,, 1e8,,, [-0.7 3] true 7 30 0.5 10 5 20 # x\n";
    let patches = "# (Name, Type, Patch, Ra, Dec, I, Q, U, V, ReferenceFrequency='74e6', SpectralIndex='[]', MajorAxis, \
                   MinorAxis, Orientation) = format\n\n, , CasA, 23:23:28, +58.48.42\n\
                   CasA_0, GAUSSIAN, CasA, 23:23:36.066, +58.48.26.841, 2152, 0, 0, 0, 7.4e7, [-0.8], 131.6, 66.9, 7\n";
    let list = String::from_utf8(file("sky_models/gleam-50.osm")).unwrap();
    let list: Vec<&str> = list.lines().take(12).collect();
    vec![
        named.into(),
        patches.into(),
        b"0 70 1.1 0 0 0 100e6 -0.7 3 200 150 23\n# c\n1,2,3\n".to_vec(),
        list.join("\n").into(),
    ]
}

pub fn oskar_settings() -> Vec<Vec<u8>> {
    vec![b"[sky]\nfile=a.txt ; b\n[telescope]\npol_mode=\"Full\"\nlength=1\n".to_vec()]
}

pub fn layouts() -> Vec<Vec<u8>> {
    vec![
        b"116.7 -26.8 300\n".to_vec(),
        b"0 0 1 0 0 0\n10, 20\n# x\n1 2 3\n".to_vec(),
        b"1.1\n0.9 10 0.1 5\n2\n".to_vec(),
    ]
}

pub fn telescopes() -> Vec<Vec<u8>> {
    vec![file("telescopes/ska-mid-aa0.5.txt")]
}

pub fn pointings() -> Vec<Vec<u8>> {
    vec![b"* RADEC 30 -30\n3, AZEL, 0.5, 90 # up\n".to_vec()]
}

pub fn waves() -> Vec<Vec<u8>> {
    vec![b"1 0 0\n0.5 -0.25 1e-3 2 0\n".to_vec(), b"1 2 3 0 0\n1 2 3 4 5\n".to_vec()]
}

pub fn votables() -> Vec<Vec<u8>> {
    ["tabledata", "binary", "binary2"].map(|kind| file(&format!("tests/data/catalogues/sources-{kind}.vot"))).into()
}

pub fn tables() -> Vec<Vec<u8>> {
    vec![file("tests/data/catalogues/sources.fits")]
}

pub fn healpix_maps() -> Vec<Vec<u8>> {
    ["ring", "nested", "partial"].map(|kind| file(&format!("tests/data/catalogues/healpix-{kind}.fits"))).into()
}

pub fn rotations() -> Vec<Vec<u8>> {
    vec![b"S1 20.5\n# c\nS2, -3\n".to_vec()]
}

pub fn configurations() -> Vec<Vec<u8>> {
    ["all-keys.toml", "components.toml", "drift-scan.toml"].map(|n| file(&format!("examples/{n}"))).to_vec()
}

pub fn quantities() -> Vec<Vec<u8>> {
    vec![b"1.42 GHz".to_vec(), b"-30:12:01.5".to_vec(), b"1e-3 arcsec 2 deg".to_vec()]
}

pub fn times() -> Vec<Vec<u8>> {
    vec![b"2027-01-01T18:00:00.25".to_vec(), b"60512.75".to_vec(), b"01-01-2000 12:01:02.000".to_vec()]
}

/// Four samples in two shards.
fn plan() -> Plan {
    let galaxy = |i: usize| PlanGalaxy {
        id: format!("galaxy {i}"),
        group: format!("g{i}"),
        source: "made by seed 7".into(),
        hi_mass_msun: (i > 0).then_some(1e9),
        redshift: (i > 0).then_some(0.1),
        split: [Split::Train, Split::Test][i],
        failure: (i == 0).then(|| "no gas".into()),
    };
    let scaling = Scaling { kind: ScalingKind::Asinh, scale: 0.1, offset: 1.0 / 3.0, gain: 2e-5, lambda: 1.0 };
    let field = |name: &str, scaling| PlanField {
        name: name.into(),
        unit: "mK".into(),
        shape: vec![8, 8],
        signed: false,
        scaling,
    };
    Plan {
        program: "skyfringe 0.1.0".into(),
        configuration: "[dataset]\nviews = 2\n".into(),
        seed: 7,
        layout: Layout { galaxies: 2, views: 2, instruments: 1, realisations: 1, per_shard: 2 },
        galaxies: (0..2).map(galaxy).collect(),
        views: vec!["face-on".into(), "edge-on".into()],
        instruments: vec![PlanInstrument { name: "meerkat".into(), flux_over_peak: [Some(120.0), None] }],
        fields: vec![field("tb", Scaling::NONE), field("dirty", scaling)],
        split: SplitRequest { fractions: [0.5, 0.25, 0.25], seed: 3, strata: 2 },
        notes: vec!["a note".into()],
    }
}

fn record(shard: usize) -> ShardRecord {
    let failed = FailedSample { sample: 1, id: "galaxy 0".into(), reason: "no gas".into() };
    ShardRecord {
        shard,
        first_sample: 2 * shard,
        samples: 2,
        bytes: 1000,
        sha256: "0".repeat(64),
        plan_sha256: plan().sha256(),
        failed: if shard == 0 { vec![failed] } else { Vec::new() },
    }
}

pub fn plans() -> Vec<Vec<u8>> {
    vec![plan().to_bytes()]
}

pub fn manifests() -> Vec<Vec<u8>> {
    vec![Manifest { plan: plan(), shards: vec![record(0), record(1)] }.to_bytes()]
}

pub fn records() -> Vec<Vec<u8>> {
    vec![record(0).to_bytes(), record(1).to_bytes()]
}

#[cfg(feature = "learn")]
pub fn logs() -> Vec<Vec<u8>> {
    use skyfringe::learn::train::{Entry, LogLine, TrainingLog};
    vec![written(|path| {
        let mut log = TrainingLog::after(path, 0).unwrap();
        let losses = [("l1".to_owned(), 0.5)].into();
        for entry in [Entry::Losses { losses, rate: 2e-4 }, Entry::Validation([("l1".to_owned(), 0.5)].into())] {
            log.write(&LogLine { step: 1, epoch: 0.5, seconds: 1.5, entry }).unwrap();
        }
    })]
}

#[cfg(feature = "learn")]
pub fn cards() -> Vec<Vec<u8>> {
    let channel = r#"{"field": "tb", "unit": "mK", "plane": null, "shift": 0.0, "span": 1.0,
        "scaling": {"kind": "log", "scale": 1.0, "offset": 0.0, "gain": 1.0, "lambda": 1.0}}"#;
    let generator = r#"{"kind": "unet", "blocks_or_depth": 3, "width": 4, "norm": "group", "groups": 2, "up": "resize",
        "end": "linear", "skip": true, "dropout": 0.0}"#;
    let card = format!(
        r#"{{"format": "skyfringe-model", "version": 1, "program": "x", "kind": "pix2pix", "step": 7,
        "metrics": {{"l1": 0.5}}, "generator": {generator}, "mock": [{channel}], "truth": [{channel}], "size": [8, 8],
        "instrument": "meerkat", "cell_rad": 1e-5, "beam_rad": [1e-5, 1e-5, 0], "data_sha256": "0", "sha256": {{}}}}"#
    );
    vec![card.into_bytes()]
}

#[cfg(feature = "learn")]
pub fn tensors() -> Vec<Vec<u8>> {
    use skyfringe::formats::safetensors::{NamedTensor, write};
    let tensor = |name: &str, shape: &[usize]| NamedTensor {
        name: name.into(),
        shape: shape.into(),
        values: vec![0.5; shape.iter().product()],
    };
    let metadata = [("card".to_owned(), "a".to_owned())].into();
    vec![written(|path| write(path, &[tensor("a.weight", &[2, 1, 2]), tensor("b", &[])], &metadata).unwrap())]
}

/// A cube with one beam, one with a table of them, one of velocities.
pub fn images() -> Vec<Vec<u8>> {
    let beam = Beam { major_rad: 2e-4, minor_rad: 1e-4, angle_rad: 0.5 };
    let cube = |beams: Vec<Beam>, unit: &str| FitsCube {
        data: ndarray::Array3::from_shape_fn((2, 5, 4), |(c, y, x)| (c + 2 * y + 3 * x) as f32),
        sky: SkyAxes {
            centre: RaDec::from_deg(30.0, -35.0),
            step_x_rad: -1e-4,
            step_y_rad: 1e-4,
            reference_pixel: [2.0, 2.0],
        },
        spectral: SpectralAxis { freq_hz: vec![1.4e9, 1.401e9], width_hz: 1e6, ..SpectralAxis::default() },
        stokes: "I".into(),
        unit: unit.into(),
        beams,
        cards: vec![Card::text("OBJECT", "long ".repeat(30), ""), Card::history("made")],
    };
    let other = Beam { angle_rad: 0.6, ..beam };
    [cube(vec![beam], "Jy/beam"), cube(vec![beam, other], "Jy/pixel"), cube(vec![], "mK")]
        .iter()
        .map(|cube| written(|path| write_cube(path, cube).unwrap()))
        .collect()
}

/// A box of reionisation: three axes and nothing else.
pub fn boxes() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    let cards = ["SIMPLE  =                    T", "BITPIX  =                  -32", "NAXIS   =                    3"];
    let cards = cards.into_iter().chain([
        "NAXIS1  =                    4",
        "NAXIS2  =                    4",
        "NAXIS3  =                    3",
        "BUNIT   = 'mK      '",
        "REDSHIFT=                  8.0",
        "END",
    ]);
    cards.for_each(|card| bytes.extend(format!("{card:<80}").bytes()));
    bytes.resize(2880, b' ');
    (0..48).for_each(|i| bytes.extend((i as f32).to_be_bytes()));
    bytes.resize(5760, 0);
    vec![bytes]
}

/// A zip of .npy files as numpy.savez and savez_compressed write them (PKWARE's APPNOTE 6.3).
fn archive(members: &[(&str, &str, &str, Vec<u8>)], deflated: bool) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, descr, shape, data) in members {
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        while (10 + header.len() + 1) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut npy = b"\x93NUMPY\x01\x00".to_vec();
        npy.extend((header.len() as u16).to_le_bytes());
        npy.extend(header.bytes());
        npy.extend(data);
        let mut crc = Crc::new();
        crc.update(&npy);
        let packed = if deflated {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&npy).unwrap();
            encoder.finish().unwrap()
        } else {
            npy.clone()
        };
        let name = format!("{name}.npy");
        // version, flags, method, time, date, sums, sizes, lengths of name and extra field
        let mut common = [20u16, 0, if deflated { 8 } else { 0 }, 0, 33].map(u16::to_le_bytes).concat();
        common.extend([crc.sum(), packed.len() as u32, npy.len() as u32].map(u32::to_le_bytes).concat());
        common.extend([name.len() as u16, 0].map(u16::to_le_bytes).concat());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((zip.len() as u32).to_le_bytes());
        directory.extend(name.bytes());
        zip.extend(b"PK\x03\x04");
        zip.extend(&common);
        zip.extend(name.bytes());
        zip.extend(packed);
    }
    let (at, count) = (zip.len() as u32, members.len() as u16);
    zip.extend(&directory);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([count, count].map(u16::to_le_bytes).concat());
    zip.extend([directory.len() as u32, at].map(u32::to_le_bytes).concat());
    zip.extend([0, 0]);
    zip
}

pub fn archives() -> Vec<Vec<u8>> {
    let doubles = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let singles = |values: &[f32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let members = [
        ("positions", "<f8", "(3, 3)", doubles(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])),
        ("velocities", ">f4", "(3, 3)", singles(&[1.0; 9])),
        ("mass", "<f8", "(3,)", doubles(&[1e6; 3])),
        ("density", "<f8", "(3,)", doubles(&[1e-24; 3])),
        ("temperature", "<i4", "(3,)", [7000i32; 3].map(i32::to_le_bytes).concat()),
        ("redshift", "<f8", "()", doubles(&[0.5])),
        ("mass_units", "<U4", "()", "Msun".chars().flat_map(|c| (c as u32).to_le_bytes()).collect()),
    ];
    vec![archive(&members, false), archive(&members, true)]
}

/// One of each kind that `sky info` tells from the first bytes.
pub fn any() -> Vec<Vec<u8>> {
    [archives(), skies(), images(), hdf_seeds::all()].concat()
}
