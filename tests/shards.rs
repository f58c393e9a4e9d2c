//! Shards of a data set as others read them: the Python of docs/formats.md is taken out of that page and run, and exports
//! are read back by numpy, astropy and tar.
//!
//! SKYFRINGE_PYTHON names the Python (default python3). Where numpy and h5py are missing the tests report themselves as
//! skipped, with SKYFRINGE_REQUIRE_PEERS=1 that is a failure; what needs pandas or torch says that it is skipped.

use ndarray::{ArrayD, IxDyn};
use skyfringe::Result;
use skyfringe::formats::Attribute;
use skyfringe::formats::shard::{
    ArrayValues, ColumnKind, ColumnValues, Compression, ShardArray, ShardColumn, ShardField, ShardGroup, ShardHeader,
    ShardReader, ShardWriter,
};
use skyfringe::run::Unseen;
use skyfringe::run::dataset::{ExportFormat, ExportRequest, export};
use std::path::Path;
use std::process::Command;

const SHARDS: usize = 3;
const PER_SHARD: usize = 6;
const SIDE: usize = 16;
const PLANES: usize = 3;
/// Number of the sample that failed.
const FAILED: usize = 8;

/// asinh scaling of the flux, none of the rest.
const SCALE: f64 = 0.25;
const OFFSET: f64 = 0.1;
const GAIN: f64 = 2.0;

fn physical(sample: usize, field: usize, shape: &[usize]) -> ArrayD<f32> {
    ArrayD::from_shape_fn(IxDyn(shape), |i| {
        let pixel = (0..shape.len()).fold(0, |n, axis| n * shape[axis] + i[axis]);
        (0.01 * (pixel as f32 - 40.0) + sample as f32) * (1.0 + field as f32)
    })
}

fn stored(values: &ArrayD<f32>) -> ArrayD<f32> {
    values.mapv(|v| (((f64::from(v) / SCALE).asinh() - OFFSET) / GAIN) as f32)
}

fn header(shard: usize) -> ShardHeader {
    let number = |name: &str, value| (name.to_string(), Attribute::Number(value));
    let scaling = vec![
        ("scaling".to_string(), Attribute::Text("asinh".into())),
        number("scaling_gain", GAIN),
        number("scaling_offset", OFFSET),
        number("scaling_scale", SCALE),
        number("scaling_lambda", 1.0),
    ];
    let field = |name: &str, shape: &[usize], unit: &str, attributes: &[(String, Attribute)]| ShardField {
        name: name.into(),
        shape: shape.into(),
        unit: unit.into(),
        attributes: attributes.to_vec(),
    };
    let column = |name: &str, unit: &str, kind| ShardColumn {
        name: name.into(),
        unit: unit.into(),
        description: format!("the {name}"),
        kind,
    };
    let psf = ShardArray {
        name: "psf".into(),
        unit: String::new(),
        values: ArrayValues::Single(ArrayD::from_elem(IxDyn(&[PLANES, SIDE, SIDE]), 0.5)),
    };
    let numbers = [
        ("ra_deg", "deg"),
        ("dec_deg", "deg"),
        ("cell_deg", "deg"),
        ("freq_hz", "Hz"),
        ("channel_width_hz", "Hz"),
        ("bandwidth_hz", "Hz"),
        ("bmaj_deg", "deg"),
        ("bmin_deg", "deg"),
        ("bpa_deg", "deg"),
    ];
    let texts = ["id", "split"].map(|name| column(name, "", ColumnKind::Text));
    let others = [column("galaxy", "", ColumnKind::Integer), column("ok", "", ColumnKind::Flag)];
    let numbers = numbers.map(|(name, unit)| column(name, unit, ColumnKind::Number));
    ShardHeader {
        samples: PER_SHARD,
        first_sample: (shard * PER_SHARD) as u64,
        fields: vec![
            field("tb", &[SIDE, SIDE], "mK", &[]),
            field("dirty", &[SIDE, SIDE], "Jy/beam", &scaling),
            field("dirty-cube", &[PLANES, SIDE, SIDE], "Jy/beam", &scaling),
        ],
        columns: texts.into_iter().chain(others).chain(numbers).collect(),
        groups: vec![ShardGroup { name: "mid".into(), attributes: Vec::new(), arrays: vec![psf] }],
        attributes: vec![("specsys".into(), Attribute::Text("BARYCENT".into()))],
    }
}

fn split(sample: usize) -> &'static str {
    ["train", "train", "train", "validation", "train", "test"][sample / 3]
}

/// A data set of three shards of six samples.
fn data_set(folder: &Path) -> Result<()> {
    for shard in 0..SHARDS {
        let header = header(shard);
        let path = folder.join(format!("shard-{shard:05}.h5"));
        let mut writer = ShardWriter::create(&path, &header, Compression::default())?;
        let numbers = || (0..PER_SHARD).map(|place| shard * PER_SHARD + place);
        for (place, sample) in numbers().enumerate().filter(|(_, sample)| *sample != FAILED) {
            for (number, field) in header.fields.iter().enumerate() {
                let values = physical(sample, number, &field.shape);
                let values = if number == 0 { values } else { stored(&values) };
                writer.put(number, place, values.view())?;
            }
        }
        let all = |value: f64| ColumnValues::Number(vec![value; PER_SHARD]);
        let mut columns = vec![
            ColumnValues::Text(numbers().map(|s| format!("galaxié {s}, \"x\"")).collect()),
            ColumnValues::Text(numbers().map(|s| split(s).to_string()).collect()),
            ColumnValues::Integer(numbers().map(|s| s as i64 - 2).collect()),
            ColumnValues::Flag(numbers().map(|s| s != FAILED).collect()),
            ColumnValues::Number(numbers().map(|s| 30.0 + s as f64).collect()),
        ];
        columns.extend([-35.0, 0.002, 1.42e9, 1e5, 3e5, 0.01, 0.008].map(all));
        columns.push(ColumnValues::Number(numbers().map(|s| if s == FAILED { f64::NAN } else { 20.0 }).collect()));
        writer.put_columns(columns)?;
        writer.finish()?;
    }
    Ok(())
}

fn python() -> String {
    std::env::var("SKYFRINGE_PYTHON").unwrap_or("python3".into())
}

fn imports(modules: &str) -> bool {
    Command::new(python()).args(["-c", &format!("import {modules}")]).output().is_ok_and(|o| o.status.success())
}

/// Whether numpy and h5py are there.
fn has_h5py(test_name: &str) -> bool {
    if imports("numpy, h5py") {
        return true;
    }
    let required = std::env::var_os("SKYFRINGE_REQUIRE_PEERS").is_some_and(|v| v == "1");
    assert!(!required, "{test_name}: no numpy and h5py in {}", python());
    eprintln!("SKIPPED {test_name}: no numpy and h5py in {}", python());
    false
}

/// Runs a program of Python in `folder`.
#[track_caller]
fn run_python(folder: &Path, program: &str) {
    let script = folder.join("program.py");
    std::fs::write(&script, program).unwrap();
    let output =
        Command::new(python()).arg(&script).current_dir(folder).env("HDF5_USE_FILE_LOCKING", "FALSE").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}\n{}{err}", String::from_utf8_lossy(&output.stdout));
}

/// The pieces of Python in the section on shards of docs/formats.md: h5py, scaling, torch.
fn snippets() -> [String; 3] {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats.md")).unwrap();
    let section = page.split("\n## ").find(|s| s.starts_with("Shards of a data set")).expect("no section on shards");
    let pieces: Vec<String> =
        section.split("```python\n").skip(1).map(|s| s.split("```").next().unwrap().to_string()).collect();
    pieces.try_into().expect("three pieces of Python")
}

/// Checks on what the pieces have read, by formulas of their own.
const CHECKS: &str = include_str!("python/shards.py");

fn check(name: &str) -> String {
    let wanted = format!("# {name}\n");
    let part = CHECKS.split("#--- ").find(|part| part.starts_with(&wanted[2..])).unwrap_or_else(|| panic!("no {name}"));
    part.split_once('\n').unwrap().1.to_string()
}

#[test]
fn the_page_on_formats_reads_shards_with_h5py() {
    if !has_h5py("the_page_on_formats_reads_shards_with_h5py") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    data_set(folder.path()).unwrap();
    let [h5py, scaling, _] = snippets();
    let pandas = imports("pandas");
    // the lines on pixels work without pandas
    let pixels = h5py.replace("import h5py, pandas", "import h5py").split("    table =").next().unwrap().to_string();
    run_python(folder.path(), &format!("{pixels}{}", check("h5py")));
    run_python(folder.path(), &format!("{scaling}{}", check("scaling")));
    if !pandas {
        eprintln!("SKIPPED: pandas is not installed");
        return;
    }
    run_python(folder.path(), &format!("{h5py}{}", check("pandas")));
}

#[test]
fn the_page_on_formats_reads_shards_with_torch() {
    if !imports("torch, h5py") {
        eprintln!("SKIPPED: torch is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("set")).unwrap();
    data_set(&folder.path().join("set")).unwrap();
    let [_, _, torch] = snippets();
    run_python(folder.path(), &format!("{torch}{}", check("torch")));
}

#[test]
fn info_tells_what_a_shard_holds() {
    let folder = tempfile::tempdir().unwrap();
    data_set(folder.path()).unwrap();
    let info = |name: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
        command.env("HDF5_USE_FILE_LOCKING", "FALSE").args(["sky", "info"]).arg(folder.path().join(name));
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (status, told) = info("shard-00001.h5");
    let words = [
        "shard of a data set",
        "6 (numbers 6 to 11)",
        "16 x 16, mK",
        "16 x 16 x 3, Jy/beam, scaling asinh",
        "mid: psf",
    ];
    assert!(status == Some(0) && words.iter().all(|word| told.contains(word)), "{told}");
    println!("{told}");
    let bytes = std::fs::read(folder.path().join("shard-00001.h5")).unwrap();
    std::fs::write(folder.path().join("cut.h5"), &bytes[..bytes.len() / 2]).unwrap();
    let (status, told) = info("cut.h5");
    assert!(status == Some(2) && told.contains("cut.h5") && !told.contains("panicked"), "{told}");
}

#[test]
fn exports_are_read_back_by_numpy_and_astropy() {
    let folder = tempfile::tempdir().unwrap();
    data_set(folder.path()).unwrap();
    let out = |name: &str| folder.path().join(name);
    let request = |format, name: &str, physical| ExportRequest {
        folder: folder.path().into(),
        format,
        out: out(name),
        physical,
        split: None,
        fields: None,
    };
    for (format, name) in [(ExportFormat::Npy, "npy"), (ExportFormat::Fits, "fits"), (ExportFormat::WebDataset, "tar")]
    {
        for (physical, name) in [(true, name.to_string()), (false, format!("{name}-scaled"))] {
            let told = export(&request(format, &name, physical), &Unseen).unwrap();
            for words in ["train 11", "validation 3", "test 3", "1 failed", "tb, dirty, dirty-cube"] {
                assert!(told.contains(words), "{words} in {told}");
            }
        }
    }
    let again = export(&request(ExportFormat::WebDataset, "again", true), &Unseen);
    again.unwrap();
    for name in ["train-00000.tar", "train-00001.tar", "train-00002.tar", "validation-00000.tar", "test-00000.tar"] {
        assert_eq!(std::fs::read(out("tar").join(name)).unwrap(), std::fs::read(out("again").join(name)).unwrap());
    }
    assert_eq!(std::fs::read_dir(out("again")).unwrap().count(), 5);

    let one = ExportRequest {
        split: Some("test".into()),
        fields: Some(vec!["dirty".into()]),
        ..request(ExportFormat::Npy, "one", false)
    };
    let told = export(&one, &Unseen).unwrap();
    assert!(told.contains("scaled values of dirty (test 3 samples"), "{told}");
    let mut names: Vec<_> = std::fs::read_dir(out("one/test")).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["dirty.npy", "samples.csv"]);
    let fields = std::fs::read_to_string(out("one/fields.json")).unwrap();
    assert!(fields.contains("\"scaling_gain\": 2.0") && fields.contains("\"scaled\": true"), "{fields}");

    if has_h5py("exports_are_read_back_by_numpy_and_astropy") && imports("astropy") {
        run_python(folder.path(), &check("export"));
    }
}

#[test]
fn exports_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let set = folder.path().join("set");
    std::fs::create_dir(&set).unwrap();
    let request = ExportRequest {
        folder: set.clone(),
        format: ExportFormat::Npy,
        out: folder.path().join("out"),
        physical: true,
        split: None,
        fields: None,
    };
    let refused = |request: &ExportRequest, words: &[&str]| {
        let told = export(request, &Unseen).unwrap_err().to_string();
        assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
        assert!(!folder.path().join("out").exists());
    };
    refused(&request, &["without shards", "dataset build"]);
    data_set(&set).unwrap();
    refused(&ExportRequest { split: Some("trian".into()), ..request.clone() }, &["trian", "test, train, validation"]);
    refused(
        &ExportRequest { fields: Some(vec!["dirt".into()]), ..request.clone() },
        &["dirt", "tb, dirty, dirty-cube"],
    );
    refused(&ExportRequest { fields: Some(vec!["tb".into(); 2]), ..request.clone() }, &["twice"]);
    refused(&ExportRequest { out: set.clone(), ..request.clone() }, &["not empty", "--out"]);
    // a shard that was cut off
    let bytes = std::fs::read(set.join("shard-00001.h5")).unwrap();
    std::fs::write(set.join("shard-00001.h5"), &bytes[..bytes.len() - 9]).unwrap();
    refused(&request, &["truncated or damaged", "shard-00001.h5"]);
}

/// Resident memory of this process, KiB.
#[cfg(target_os = "linux")]
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In a process of its own: the memory of other tests is not meant.
#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat_over_many_shards() {
    let name = "memory_stays_flat_over_many_shards_child";
    let mut command = Command::new(std::env::current_exe().unwrap());
    let output = command.args(["--exact", name, "--ignored", "--nocapture"]).env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{err}");
    eprint!("{err}");
}

const CHILD: &str = "SKYFRINGE_TEST_SHARDS_CHILD";

#[cfg(target_os = "linux")]
#[test]
#[ignore = "run by memory_stays_flat_over_many_shards"]
fn memory_stays_flat_over_many_shards_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let rounds = |count: usize| {
        for _ in 0..count {
            data_set(folder.path()).unwrap();
            assert!(ShardReader::open(&folder.path().join("shard-00000.h5")).unwrap().read(2, 1).is_ok());
        }
    };
    rounds(30);
    let before = resident_kib();
    let count = std::env::var("SKYFRINGE_SHARD_ROUNDS").ok().and_then(|v| v.parse().ok()).unwrap_or(150);
    rounds(count);
    let after = resident_kib();
    eprintln!("{} shards: {before} KiB, then {after} KiB", SHARDS * count);
    assert!(after < before + 2048, "{before} KiB, then {after} KiB");
}

/// CPU time of this process, ms.
fn cpu_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a plain system call on a valid structure
    assert_eq!(unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) }, 0);
    1e3 * time.tv_sec as f64 + 1e-6 * time.tv_nsec as f64
}

/// The figures of docs/formats.md: one plane of each FITS file in SKYFRINGE_SHARD_FITS, written 100 times.
#[test]
#[ignore = "a measurement; docs/formats.md has the command"]
fn what_compression_costs() {
    const TIMES: usize = 100;
    let files = std::env::var("SKYFRINGE_SHARD_FITS").expect("SKYFRINGE_SHARD_FITS=\"A.fits B.fits\"");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let report = |what: &str, from: f64, packed: u64, pixels: usize, read: &dyn Fn(usize)| {
        let written = cpu_ms();
        // each sample once: the library keeps the chunk that it read last
        (0..TIMES).for_each(read);
        let per = |ms: f64| ms / TIMES as f64;
        let share = packed as f64 / (4 * TIMES * pixels) as f64;
        println!(
            "  {what:<22} write {:6.2} ms, read {:5.2} ms, size {share:.3}",
            per(written - from),
            per(cpu_ms() - written)
        );
    };
    for name in files.split_whitespace() {
        let cube = skyfringe::formats::fits::read_cube(Path::new(name)).unwrap();
        let plane = cube.data.index_axis(ndarray::Axis(0), cube.data.dim().0 / 2).to_owned();
        let (ny, nx) = plane.dim();
        println!("{name}, {nx} x {ny}");
        let field = ShardField { name: "x".into(), shape: vec![ny, nx], unit: String::new(), attributes: Vec::new() };
        let header = ShardHeader {
            samples: TIMES,
            first_sample: 0,
            fields: vec![field],
            columns: Vec::new(),
            groups: Vec::new(),
            attributes: Vec::new(),
        };
        for compression in [Compression::None, Compression::Deflate(1), Compression::Deflate(4)] {
            let start = cpu_ms();
            let mut writer = ShardWriter::create(&path, &header, compression).unwrap();
            (0..TIMES).for_each(|sample| writer.put(0, sample, plane.view().into_dyn()).unwrap());
            writer.finish().unwrap();
            let reader = ShardReader::open(&path).unwrap();
            let size = std::fs::metadata(&path).unwrap().len();
            report(&format!("{compression:?}"), start, size, ny * nx, &|sample| drop(reader.read(0, sample).unwrap()));
        }
        for level in [1, 4] {
            let start = cpu_ms();
            let file = hdf5::File::create(&path).unwrap();
            let data = file.new_dataset::<f32>().shape([TIMES, ny, nx]).chunk([1, ny, nx]).shuffle().deflate(level);
            let data = data.create("x").unwrap();
            for sample in 0..TIMES {
                data.write_slice(plane.view(), ndarray::s![sample, .., ..]).unwrap();
            }
            file.flush().unwrap();
            let size = std::fs::metadata(&path).unwrap().len();
            report(&format!("the library's, level {level}"), start, size, ny * nx, &|sample| {
                drop(data.read_slice::<f32, _, ndarray::Ix2>(ndarray::s![sample, .., ..]).unwrap());
            });
        }
    }
}
