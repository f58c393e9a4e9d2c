use crate::{HOSTILE_NAMES, assert_says};
use hdf5::File;
use hdf5::types::VarLenUnicode;
use ndarray::{Array1, Array2, Array3, Axis, arr2, s};
use proptest::prelude::*;
use rustfft::num_complex::{Complex, Complex64};
use skyfringe::error::Watch;
use skyfringe::formats::visibilities::{ChannelReader, Polarisations, Precision, VisibilityTable};
use skyfringe::formats::visibilities::{read_visibilities, read_visibility_frame, write_visibilities};
use skyfringe::units::{DEG_RAD, RaDec};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// A table with a different number in every place.
pub fn table(rows: usize, channels: usize, polarisations: Polarisations) -> VisibilityTable {
    let shape = (rows, channels, polarisations.count());
    let number = |(r, c, p): (usize, usize, usize)| (r * 1000 + c * 10 + p) as f64;
    VisibilityTable {
        uvw_m: Array2::from_shape_fn((rows, 3), |(r, k)| r as f64 * 100.25 - k as f64 / 3.0),
        time_mjd_utc: (0..rows).map(|r| 61_119.25 + (r / 3) as f64 / 24.0).collect(),
        antenna1: (0..rows as u32).map(|r| r % 3).collect(),
        antenna2: (0..rows as u32).map(|r| r % 3 + 1).collect(),
        freq_hz: (0..channels).map(|c| 1.4e9 + 6e4 * c as f64).collect(),
        vis: Array3::from_shape_fn(shape, |i| Complex64::new(number(i) + 0.1, -number(i) / 7.0)),
        weight: Array3::from_shape_fn(shape, |i| number(i) as f32 + 0.5),
        flag: Array3::from_shape_fn(shape, |(r, c, p)| (r + c + p) % 3 == 0),
        phase_centre: RaDec::from_deg(187.5, -45.25),
        polarisations,
        telescope: "ska-mid-aa4 1".into(),
        channel_width_hz: 6e4,
        integration_time_s: 1800.0,
        provenance: format!("skyfringe 0.1.0\n[sky]\nname = \"é\"\n{}", "# long\n".repeat(20_000)),
    }
}

fn assert_same(a: &VisibilityTable, b: &VisibilityTable) {
    assert_eq!(a.uvw_m, b.uvw_m);
    assert_eq!(a.time_mjd_utc, b.time_mjd_utc);
    assert_eq!((&a.antenna1, &a.antenna2), (&b.antenna1, &b.antenna2));
    assert_eq!(a.freq_hz, b.freq_hz);
    assert_eq!(a.vis, b.vis);
    assert_eq!(a.weight, b.weight);
    assert_eq!(a.flag, b.flag);
    assert!((a.phase_centre.ra_rad - b.phase_centre.ra_rad).abs() < 1e-15);
    assert!((a.phase_centre.dec_rad - b.phase_centre.dec_rad).abs() < 1e-15);
    assert_eq!(a.polarisations, b.polarisations);
    assert_eq!((&a.telescope, &a.provenance), (&b.telescope, &b.provenance));
    assert_eq!((a.channel_width_hz, a.integration_time_s), (b.channel_width_hz, b.integration_time_s));
}

fn write(path: &Path, table: &VisibilityTable) {
    write_visibilities(path, table, Precision::Double, &Watch::silent()).unwrap();
}

#[test]
fn some_channels_are_those_of_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (path, two_axes) = (folder.path().join("v.h5"), folder.path().join("two.h5"));
    for polarisations in [Polarisations::I, Polarisations::Linear] {
        let whole = table(7, 5, polarisations);
        write(&path, &whole);
        let reader = ChannelReader::open(&path).unwrap();
        assert_eq!((reader.channels(), reader.frame().vis.dim()), (5, (7, 0, polarisations.count())));
        for range in [0..1, 1..3, 4..5, 0..5, 2..2] {
            let part = s![.., range.clone(), ..];
            let expected = VisibilityTable {
                freq_hz: whole.freq_hz[range.clone()].to_vec(),
                vis: whole.vis.slice(part).to_owned(),
                weight: whole.weight.slice(part).to_owned(),
                flag: whole.flag.slice(part).to_owned(),
                ..whole.clone()
            };
            assert_same(&expected, &reader.read(range.clone()).unwrap());
            assert_eq!(reader.read_frame(range).unwrap().weight, expected.weight);
        }
    }
    // a minimal file whose data have no axis of polarisations
    let file = File::create(&two_axes).unwrap();
    let vis = Array2::from_shape_fn((3, 4), |(r, c)| Complex64::new(r as f64, c as f64));
    file.new_dataset_builder().with_data(&Array2::<f64>::ones((3, 3))).create("uvw").unwrap();
    file.new_dataset_builder().with_data(&Array1::from(vec![1e9, 2e9, 3e9, 4e9])).create("freq_hz").unwrap();
    file.new_dataset_builder().with_data(&vis).create("vis").unwrap();
    for name in ["phase_centre_ra_deg", "phase_centre_dec_deg"] {
        file.new_attr::<f64>().create(name).unwrap().write_scalar(&1.0).unwrap();
    }
    drop(file);
    let reader = ChannelReader::open(&two_axes).unwrap();
    let part = reader.read(1..3).unwrap();
    assert_eq!(part.vis.index_axis(Axis(2), 0), vis.slice(s![.., 1..3]));
    assert!(part.weight.iter().all(|w| *w == 1.0) && part.flag.iter().all(|f| !f));
    // weights of another file must be there and fit
    let other = |path: &Path| ChannelReader::open(&two_axes).unwrap().weights_from(path).read(0..1);
    assert_says(other(&two_axes), &["no data set weight"]);
    assert_says(other(&path), &["weight", "shape [7, 5, 4]"]);
}

#[test]
fn a_table_survives_the_file_in_either_precision() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    for polarisations in [Polarisations::I, Polarisations::Linear] {
        let whole = table(7, 3, polarisations);
        write(&path, &whole);
        assert_same(&whole, &read_visibilities(&path).unwrap());

        let frame = read_visibility_frame(&path).unwrap();
        assert!(frame.vis.iter().all(|v| *v == Complex64::ZERO));
        assert_same(&VisibilityTable { vis: frame.vis.clone(), ..whole.clone() }, &frame);

        write_visibilities(&path, &whole, Precision::Single, &Watch::silent()).unwrap();
        let single = whole.vis.mapv(|v| Complex64::new((v.re as f32).into(), (v.im as f32).into()));
        assert_same(&VisibilityTable { vis: single, ..whole }, &read_visibilities(&path).unwrap());
    }
}

#[test]
fn many_blocks_are_written_and_reported() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    // 8 kB a row: several blocks of about 1 MB, the last one short
    let whole = table(401, 128, Polarisations::Linear);
    let (units, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (units_in, calls_in) = (units.clone(), calls.clone());
    let watch = Watch::silent().reporting_to(move |n| {
        units_in.fetch_add(n, Ordering::Relaxed);
        calls_in.fetch_add(1, Ordering::Relaxed);
    });
    write_visibilities(&path, &whole, Precision::Double, &watch).unwrap();
    assert_eq!(units.load(Ordering::Relaxed), 401);
    assert_eq!(calls.load(Ordering::Relaxed), 4);
    assert_same(&whole, &read_visibilities(&path).unwrap());

    // arrays in another memory order
    let mut turned = whole.clone();
    turned.vis = Array3::from_shape_fn((4, 128, 401), |(p, c, r)| whole.vis[[r, c, p]]).reversed_axes();
    turned.uvw_m = Array2::from_shape_fn((3, 401), |(k, r)| whole.uvw_m[[r, k]]).reversed_axes();
    write(&path, &turned);
    assert_same(&whole, &read_visibilities(&path).unwrap());
}

#[test]
fn an_interrupt_stops_the_writing() {
    let folder = tempfile::tempdir().unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let stop_in = stop.clone();
    let watch = Watch::stopped_by(stop).reporting_to(move |_| stop_in.store(true, Ordering::Relaxed));
    let whole = table(401, 128, Polarisations::Linear);
    let error = write_visibilities(&folder.path().join("v.h5"), &whole, Precision::Double, &watch).unwrap_err();
    assert!(error.is_interrupt());
}

#[test]
fn equal_tables_give_equal_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.h5"), folder.path().join("b.h5"));
    write(&a, &table(403, 128, Polarisations::Linear));
    // object times would have a resolution of a second
    std::thread::sleep(std::time::Duration::from_millis(1100));
    write(&b, &table(403, 128, Polarisations::Linear));
    assert!(fs::read(a).unwrap() == fs::read(b).unwrap());
}

#[test]
fn names_are_never_interpreted() {
    let folder = tempfile::tempdir().unwrap();
    for name in HOSTILE_NAMES {
        let path = folder.path().join(name);
        write(&path, &table(2, 1, Polarisations::I));
        read_visibilities(&path).unwrap();
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn tables_that_disagree_with_themselves_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    let refuse = |change: &dyn Fn(&mut VisibilityTable), words: &[&str]| {
        let mut bad = table(5, 2, Polarisations::I);
        change(&mut bad);
        assert_says(write_visibilities(&path, &bad, Precision::Double, &Watch::silent()), words);
        assert!(!path.exists());
    };
    refuse(&|t| t.uvw_m = Array2::zeros((4, 3)), &["uvw", "[5, 3]"]);
    refuse(&|t| t.freq_hz.push(1.0), &["freq_hz", "3"]);
    refuse(&|t| t.time_mjd_utc.truncate(2), &["time", "2"]);
    refuse(&|t| t.antenna2.clear(), &["antenna2"]);
    refuse(&|t| t.weight = Array3::zeros((5, 2, 4)), &["weight"]);
    refuse(&|t| t.polarisations = Polarisations::Linear, &["XX,XY,YX,YY"]);
    refuse(&|t| t.vis = Array3::zeros((0, 2, 1)), &["without visibilities"]);
    let nowhere = folder.path().join("no/v.h5");
    let result = write_visibilities(&nowhere, &table(2, 1, Polarisations::I), Precision::Double, &Watch::silent());
    assert_says(result, &["cannot write", "No such file"]);
}

/// A minimal file, as somebody else would write it, before `change`.
fn minimal(path: &Path, change: impl FnOnce(&File)) {
    let file = File::create(path).unwrap();
    file.new_dataset_builder().with_data(&arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])).create("uvw").unwrap();
    file.new_dataset_builder().with_data(&Array1::from_vec(vec![1.4e9, 1.5e9, 1.6e9])).create("freq_hz").unwrap();
    let vis = Array3::from_shape_fn((2, 3, 1), |(r, c, _)| Complex::new((r * 3 + c) as f32, 0.5));
    file.new_dataset_builder().with_data(&vis).create("vis").unwrap();
    file.new_attr::<f64>().create("phase_centre_ra_deg").unwrap().write_scalar(&10.0).unwrap();
    file.new_attr::<f64>().create("phase_centre_dec_deg").unwrap().write_scalar(&-30.0).unwrap();
    change(&file);
    file.close().unwrap();
}

fn replace<T: hdf5::H5Type, D: ndarray::Dimension>(file: &File, name: &str, data: ndarray::Array<T, D>) {
    if file.link_exists(name) {
        file.unlink(name).unwrap();
    }
    file.new_dataset_builder().with_data(&data).create(name).unwrap();
}

#[test]
fn a_minimal_file_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    minimal(&path, |_| {});
    let table = read_visibilities(&path).unwrap();
    assert_eq!(table.vis[[1, 2, 0]], Complex64::new(5.0, 0.5));
    assert_eq!(table.uvw_m, arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    assert!(table.weight.iter().all(|w| *w == 1.0) && table.flag.iter().all(|f| !f));
    assert!(table.time_mjd_utc.is_empty() && table.antenna1.is_empty() && table.telescope.is_empty());
    assert_eq!((table.channel_width_hz, table.integration_time_s), (0.0, 0.0));
    assert!((table.phase_centre.dec_rad + 30.0 * DEG_RAD).abs() < 1e-15);

    // two axes; whole numbers as flags and antennas; integers as attributes
    minimal(&path, |file| {
        replace(file, "vis", Array2::from_elem((2, 3), Complex64::new(1.0, f64::NAN)));
        replace(file, "flag", Array2::<u8>::ones((2, 3)));
        replace(file, "antenna1", Array1::<i64>::zeros(2));
        replace(file, "antenna2", Array1::<i16>::ones(2));
        file.new_attr::<i32>().create("channel_width_hz").unwrap().write_scalar(&5).unwrap();
    });
    let table = read_visibilities(&path).unwrap();
    assert_eq!((table.vis.dim(), table.polarisations), ((2, 3, 1), Polarisations::I));
    assert!(table.flag.iter().all(|f| *f));
    assert_eq!((table.antenna1, table.antenna2, table.channel_width_hz), (vec![0, 0], vec![1, 1], 5.0));

    // four polarisations are recognised; a frame needs no visibilities
    minimal(&path, |file| replace(file, "vis", Array3::<Complex64>::zeros((2, 3, 4))));
    assert_eq!(read_visibilities(&path).unwrap().polarisations, Polarisations::Linear);
    minimal(&path, |file| file.unlink("vis").unwrap());
    assert_eq!(read_visibility_frame(&path).unwrap().vis.dim(), (2, 3, 1));
}

#[test]
fn every_fault_of_a_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    let refuse = |change: &dyn Fn(&File), words: &[&str]| {
        minimal(&path, change);
        assert_says(read_visibilities(&path), words);
        assert_says(read_visibilities(&path), &["v.h5"]);
    };
    let text = |s: &str| s.parse::<VarLenUnicode>().unwrap();
    for name in ["uvw", "freq_hz", "vis"] {
        refuse(&|f| f.unlink(name).unwrap(), &["no data set", name]);
    }
    for name in ["phase_centre_ra_deg", "phase_centre_dec_deg"] {
        refuse(&|f| f.delete_attr(name).unwrap(), &["no attribute", name]);
    }
    refuse(&|f| replace(f, "uvw", Array2::<f64>::zeros((2, 2))), &["uvw", "[2, 2]", "[row, 3]"]);
    refuse(&|f| replace(f, "uvw", Array1::<f64>::zeros(6)), &["uvw", "[6]"]);
    refuse(&|f| replace(f, "uvw", Array2::<f64>::zeros((0, 3))), &["uvw", "at least one row"]);
    refuse(&|f| replace(f, "uvw", Array2::from_elem((2, 3), f64::NAN)), &["uvw", "6 coordinates"]);
    refuse(&|f| replace(f, "uvw", Array2::from_elem((2, 3), text("x"))), &["uvw", "cannot read"]);
    refuse(&|f| replace(f, "freq_hz", Array1::<f64>::zeros(3)), &["freq_hz", "0 Hz"]);
    refuse(&|f| replace(f, "freq_hz", Array1::<f64>::ones(4)), &["vis", "[2, 3, 1]", "[2, 4, 1]"]);
    refuse(&|f| replace(f, "freq_hz", Array2::<f64>::ones((3, 1))), &["freq_hz", "[3, 1]"]);
    refuse(&|f| replace(f, "vis", Array3::<Complex64>::zeros((3, 3, 1))), &["vis", "[3, 3, 1]"]);
    refuse(&|f| replace(f, "vis", Array3::<Complex64>::zeros((2, 3, 2))), &["vis", "[2, 3, 2]"]);
    refuse(&|f| replace(f, "vis", Array3::<f64>::zeros((2, 3, 1))), &["vis", "float64", "compound"]);
    refuse(&|f| replace(f, "vis", Array3::from_elem((2, 3, 1), text("x"))), &["vis", "compound"]);
    refuse(&|f| replace(f, "vis", Array3::from_elem((2, 3, 1), Other { re: 1.0, im: 2.0 })), &["vis", "re", "r and i"]);
    refuse(&|f| replace(f, "vis", Array3::from_elem((2, 3, 1), Complex64::new(f64::NAN, 0.0))), &["6 unflagged"]);
    refuse(&|f| replace(f, "weight", Array3::<f32>::zeros((2, 3, 4))), &["weight", "[2, 3, 4]"]);
    refuse(&|f| replace(f, "weight", Array3::from_elem((2, 3, 1), -1f32)), &["weight", "-1"]);
    refuse(&|f| replace(f, "flag", Array3::<f64>::zeros((2, 3, 1))), &["flag", "float64", "booleans"]);
    refuse(&|f| replace(f, "flag", Array3::<bool>::default((2, 2, 1))), &["flag", "[2, 2, 1]"]);
    refuse(&|f| replace(f, "antenna1", Array1::<i64>::zeros(2)), &["antenna2"]);
    refuse(&|f| replace(f, "antenna1", Array1::<i64>::from_elem(2, -1)), &["antenna1", "-1"]);
    refuse(&|f| replace(f, "time_mjd_utc", Array1::<f64>::zeros(3)), &["time_mjd_utc", "[3]", "[2]"]);
    refuse(
        &|f| {
            f.unlink("uvw").unwrap();
            f.create_group("uvw").unwrap();
        },
        &["uvw", "cannot read"],
    );
    let attribute = |f: &File, name: &str, value: &str| {
        f.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&text(value)).unwrap();
    };
    refuse(&|f| attribute(f, "polarisations", "RR,LL"), &["RR,LL", "XX,XY,YX,YY"]);
    refuse(&|f| attribute(f, "polarisations", "XX,XY,YX,YY"), &["vis", "[2, 3, 4]"]);
    refuse(&|f| attribute(f, "channel_width_hz", "wide"), &["channel_width_hz", "one finite number"]);
    refuse(&|f| f.new_attr::<f64>().create("telescope").map(drop).unwrap(), &["telescope", "text"]);
    // a shape that no file of this size can fill
    refuse(
        &|f| {
            f.unlink("vis").unwrap();
            f.unlink("freq_hz").unwrap();
            let huge = f.new_dataset::<f64>().chunk(1000).shape(1 << 45);
            huge.create("freq_hz").unwrap();
        },
        &["freq_hz", "larger than its file can be"],
    );
}

/// Complex numbers with other names, which HDF5 would silently turn into zeros.
#[derive(hdf5::H5Type, Clone, Copy)]
#[repr(C)]
struct Other {
    re: f64,
    im: f64,
}

#[test]
fn files_that_are_no_visibility_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    assert_says(read_visibilities(&path), &["cannot open", "v.h5", "No such file"]);
    assert_says(read_visibilities(folder.path()), &["not a regular file"]);
    for bytes in [&b""[..], b"SIMPLE  =                    T"] {
        fs::write(&path, bytes).unwrap();
        assert_says(read_visibilities(&path), &["not an HDF5 file", "v.h5"]);
    }
}

#[test]
fn a_truncated_file_is_an_error_wherever_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    write(&path, &table(50, 4, Polarisations::Linear));
    let bytes = fs::read(&path).unwrap();
    for end in (0..bytes.len()).step_by(1999) {
        // another name each time: the library may still hold the last one open
        let path = folder.path().join(format!("{end}.h5"));
        fs::write(&path, &bytes[..end]).unwrap();
        assert_says(read_visibilities(&path), &[".h5"]);
    }
}

#[test]
fn names_and_text_in_another_encoding_are_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("v.h5");
    let mut whole = table(3, 2, Polarisations::I);
    whole.provenance = "made by us".into();
    write(&path, &whole);
    let bytes = fs::read(&path).unwrap();
    let damage = |words: &[u8], value: u8| {
        let mut bytes = bytes.clone();
        let at = bytes.windows(words.len()).position(|part| part == words).unwrap();
        bytes[at] = value;
        fs::write(&path, bytes).unwrap();
        read_visibilities(&path)
    };
    // an attribute of another name is one that is not there
    assert_eq!(damage(b"telescope\0", 0xe9).unwrap().telescope, "");
    assert_says(damage(b"phase_centre_ra_deg\0", 0xe9), &["no attribute phase_centre_ra_deg"]);
    assert_eq!(damage(b"made by us", 0xe9).unwrap().provenance, "\u{fffd}ade by us");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn tables_of_any_shape_survive(rows in 1usize..20, channels in 1usize..5, linear in any::<bool>(), name in ".{0,40}") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.h5");
        let mut whole = table(rows, channels, if linear { Polarisations::Linear } else { Polarisations::I });
        whole.telescope = name.replace('\0', "");
        write(&path, &whole);
        assert_same(&whole, &read_visibilities(&path).unwrap());
    }

    #[test]
    fn damaged_files_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("v.h5");
        let mut small = table(3, 2, Polarisations::I);
        small.provenance = String::new();
        write(&path, &small);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        fs::write(&path, bytes).unwrap();
        let _ = read_visibilities(&path);
    }
}
