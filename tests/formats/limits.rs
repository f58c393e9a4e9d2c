//! A disk that fills up, imitated by a file-size limit. The limit holds for a whole process, so each test runs
//! itself again as a child.

use crate::fits::cube;
use crate::visibilities::table;
use ndarray::{ArrayD, IxDyn};
use skyfringe::error::Watch;
use skyfringe::formats::Staged;
use skyfringe::formats::fits::{Beam, write_cube};
use skyfringe::formats::shard::{
    ColumnKind, ColumnValues, Compression, ShardColumn, ShardField, ShardHeader, ShardWriter,
};
use skyfringe::formats::visibilities::{Polarisations, Precision, write_visibilities};
use skyfringe::{Error, Result};
use std::path::Path;
use std::process::Command;

const CHILD: &str = "SKYFRINGE_TEST_LIMITED_CHILD";

/// Runs the (ignored) test `name` of this binary in a child process.
fn in_a_child(name: &str) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
}

/// Limits the size of every file that this process writes; writing beyond is an error, not a signal.
fn limit_file_size(bytes: u64) {
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: plain system calls on a valid structure.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

/// Writes with `write` under every limit up to the size of the whole file: always an error about space and an empty
/// folder; without a limit it works.
fn fails_cleanly_under_every_limit(step: usize, write: impl Fn(&Path) -> Result<()>) {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("product");
    let staged = |target: &Path| -> Result<(), Error> {
        let staged = Staged::new(target)?;
        write(staged.path())?;
        staged.commit()
    };
    staged(&target).unwrap();
    let size = std::fs::metadata(&target).unwrap().len() as usize;
    std::fs::remove_file(&target).unwrap();
    for limit in (0..size).step_by(step) {
        limit_file_size(limit as u64);
        let error = staged(&target).expect_err(&format!("limit {limit} of {size}")).to_string();
        limit_file_size(libc::RLIM_INFINITY);
        assert!(error.contains("free some space"), "limit {limit} of {size}: {error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "limit {limit}");
    }
    staged(&target).unwrap();
    assert_eq!(std::fs::metadata(&target).unwrap().len() as usize, size);
}

#[test]
fn fits_on_a_full_disk() {
    in_a_child("limits::fits_on_a_full_disk_child");
}

#[test]
#[ignore = "run by fits_on_a_full_disk"]
fn fits_on_a_full_disk_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let mut whole = cube(3, 50, 50);
    whole.beams = vec![Beam { major_rad: 1e-4, minor_rad: 1e-4, angle_rad: 0.0 }; 3];
    fails_cleanly_under_every_limit(997, |path| write_cube(path, &whole));
}

#[test]
fn visibilities_on_a_full_disk() {
    in_a_child("limits::visibilities_on_a_full_disk_child");
}

#[test]
#[ignore = "run by visibilities_on_a_full_disk"]
fn visibilities_on_a_full_disk_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let mut whole = table(300, 16, Polarisations::Linear);
    whole.provenance = "short".into();
    fails_cleanly_under_every_limit(1733, |path| write_visibilities(path, &whole, Precision::Double, &Watch::silent()));
    // several blocks
    let large = table(401, 128, Polarisations::Linear);
    fails_cleanly_under_every_limit(400_009, |path| {
        write_visibilities(path, &large, Precision::Double, &Watch::silent())
    });
}

#[test]
fn shards_on_a_full_disk() {
    in_a_child("limits::shards_on_a_full_disk_child");
}

#[test]
#[ignore = "run by shards_on_a_full_disk"]
fn shards_on_a_full_disk_child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let field = |name: &str, shape: &[usize]| ShardField {
        name: name.into(),
        shape: shape.into(),
        unit: "K".into(),
        attributes: Vec::new(),
    };
    let column = |name: &str, kind| ShardColumn {
        name: name.into(),
        unit: String::new(),
        description: "what it is".into(),
        kind,
    };
    let header = ShardHeader {
        samples: 6,
        first_sample: 0,
        fields: vec![field("tb", &[40, 40]), field("dirty-cube", &[5, 40, 40])],
        columns: vec![column("mass", ColumnKind::Number), column("id", ColumnKind::Text)],
        groups: Vec::new(),
        attributes: Vec::new(),
    };
    for (compression, step) in [(Compression::None, 3001), (Compression::Deflate(1), 911)] {
        fails_cleanly_under_every_limit(step, |path| {
            let mut writer = ShardWriter::create(path, &header, compression)?;
            for sample in 0..6 {
                for (number, field) in header.fields.iter().enumerate() {
                    let values = ArrayD::from_shape_fn(IxDyn(&field.shape), |i| ((i[0] + i[1]) * sample) as f32 * 0.1);
                    writer.put(number, sample, values.view())?;
                }
            }
            let names = (0..6).map(|i| format!("galaxy {i}")).collect();
            writer.put_columns(vec![ColumnValues::Number(vec![1e9; 6]), ColumnValues::Text(names)])?;
            writer.finish()
        });
    }
}
