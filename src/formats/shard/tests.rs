use super::*;
use crate::math::random::Stream;
use ndarray::IxDyn;
use std::path::Path;

fn text(name: &str, value: &str) -> (String, Attribute) {
    (name.into(), Attribute::Text(value.into()))
}

fn column(name: &str, unit: &str, kind: ColumnKind) -> ShardColumn {
    ShardColumn { name: name.into(), unit: unit.into(), description: format!("what {name} is"), kind }
}

fn field(name: &str, shape: &[usize], unit: &str) -> ShardField {
    let attributes = vec![("scaling_scale".into(), Attribute::Number(0.5)), text("title", "a field")];
    ShardField { name: name.into(), shape: shape.into(), unit: unit.into(), attributes }
}

fn header(samples: usize) -> ShardHeader {
    let psf = ArrayD::from_shape_fn(IxDyn(&[2, 3, 4]), |i| (i[0] * 12 + i[1] * 4 + i[2]) as f32);
    let array = |name: &str, unit: &str, values| ShardArray { name: name.into(), unit: unit.into(), values };
    let group = ShardGroup {
        name: "ska-mid".into(),
        attributes: vec![("bmaj_deg".into(), Attribute::Number(0.01))],
        arrays: vec![
            array("psf", "", ArrayValues::Single(psf)),
            array("freq_hz", "Hz", ArrayValues::Double(ArrayD::from_elem(IxDyn(&[2]), 1.42e9))),
        ],
    };
    ShardHeader {
        samples,
        first_sample: 300,
        fields: vec![field("tb", &[24, 20], "mK"), field("dirty-cube", &[3, 24, 20], "Jy/beam")],
        columns: vec![
            column("id", "", ColumnKind::Text),
            column("mass_hi", "Msun", ColumnKind::Number),
            column("galaxy", "", ColumnKind::Integer),
            column("ok", "", ColumnKind::Flag),
        ],
        groups: vec![group.clone(), ShardGroup { name: "bare".into(), arrays: Vec::new(), ..group }],
        attributes: vec![("seed".into(), Attribute::Integer(-7)), text("title", "Größe")],
    }
}

fn columns(samples: usize) -> Vec<ColumnValues> {
    vec![
        ColumnValues::Text((0..samples).map(|i| if i == 1 { String::new() } else { format!("galaxié-{i}") }).collect()),
        ColumnValues::Number((0..samples).map(|i| if i == 2 { f64::NAN } else { 1.5e9 * i as f64 }).collect()),
        ColumnValues::Integer((0..samples).map(|i| i as i64 - 2).collect()),
        ColumnValues::Flag((0..samples).map(|i| i != 3).collect()),
    ]
}

fn pixels(field: &ShardField, sample: usize) -> ArrayD<f32> {
    let mut random = Stream::new(9, [sample as u32, field.shape.len() as u32, 0]);
    ArrayD::from_shape_simple_fn(IxDyn(&field.shape), || random.normal() as f32)
}

/// Sample 3 failed.
fn write(path: &Path, samples: usize, compression: Compression) -> Result<()> {
    let header = header(samples);
    let mut writer = ShardWriter::create(path, &header, compression)?;
    for sample in (0..samples).filter(|s| *s != 3) {
        for (number, field) in header.fields.iter().enumerate() {
            writer.put(number, sample, pixels(field, sample).view())?;
        }
    }
    writer.put_columns(columns(samples))?;
    writer.finish()
}

fn says<T: std::fmt::Debug>(result: Result<T>, words: &[&str]) {
    let told = result.unwrap_err().to_string();
    assert!(words.iter().all(|word| told.contains(word)), "{words:?} in {told}");
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    for (number, compression) in
        [Compression::None, Compression::Deflate(1), Compression::Deflate(9)].into_iter().enumerate()
    {
        let path = folder.path().join(format!("{number}.h5"));
        write(&path, 5, compression).unwrap();
        let reader = ShardReader::open(&path).unwrap();
        assert_eq!(reader.header(), &header(5));
        for (number, field) in reader.header().fields.iter().enumerate() {
            for sample in 0..5 {
                let wanted = if sample == 3 { ArrayD::zeros(IxDyn(&field.shape)) } else { pixels(field, sample) };
                assert_eq!(reader.read(number, sample).unwrap(), wanted);
            }
        }
        // NaN is not itself
        assert_eq!(format!("{:?}", reader.columns()), format!("{:?}", columns(5)));
        assert_eq!(reader.column("galaxy"), Some(&columns(5)[2]));
        assert_eq!((reader.column("none"), reader.field("dirty-cube").unwrap()), (None, 1));
        says(reader.field("restored"), &["restored", "tb, dirty-cube"]);
        says(reader.read(2, 0), &["field 2"]);
        says(reader.read(0, 5), &["sample 5", "below 5"]);
        let told = shard_summary(&path).unwrap().unwrap();
        assert!(
            ["300 to 304", "20 x 24 x 3, Jy/beam", "ska-mid: psf", "mass_hi"].iter().all(|w| told.contains(w)),
            "{told}"
        );
    }
}

#[test]
fn equal_content_gives_equal_bytes_whoever_packs_it_and_when() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one.h5"), folder.path().join("two.h5"));
    write(&one, 40, Compression::default()).unwrap();
    // times in HDF5 are whole seconds
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let header = header(40);
    let mut writer = ShardWriter::create(&two, &header, Compression::default()).unwrap();
    writer.put_columns(columns(40)).unwrap();
    // packed from the last to the first on two threads
    let pack = |number: usize| {
        let (sample, field) = (number / 2, number % 2);
        PackedSample::new(pixels(&header.fields[field], sample).view(), Compression::default()).unwrap()
    };
    let packed: Vec<PackedSample> = std::thread::scope(|scope| {
        let half = |range: std::ops::Range<usize>| scope.spawn(move || range.rev().map(pack).collect::<Vec<_>>());
        let (low, high) = (half(0..40), half(40..80));
        let reversed = high.join().unwrap().into_iter().chain(low.join().unwrap());
        reversed.collect::<Vec<_>>().into_iter().rev().collect()
    });
    for (number, packed) in packed.iter().enumerate().filter(|(number, _)| number / 2 != 3) {
        writer.put_packed(number % 2, number / 2, packed).unwrap();
    }
    writer.finish().unwrap();
    assert!(std::fs::read(one).unwrap() == std::fs::read(two).unwrap());
}

#[test]
fn samples_that_do_not_belong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    let header = header(4);
    let mut writer = ShardWriter::create(&path, &header, Compression::None).unwrap();
    let (map, cube) = (pixels(&header.fields[0], 1), pixels(&header.fields[1], 1));
    writer.put(1, 1, cube.view()).unwrap();
    says(writer.put(1, 1, cube.view()), &["after Some((1, 1))"]);
    says(writer.put(0, 1, map.view()), &["does not belong"]);
    says(writer.put(0, 0, map.view()), &["does not belong"]);
    says(writer.put(0, 4, map.view()), &["below 4"]);
    says(writer.put(0, 2, cube.view()), &["shape"]);
    says(writer.put(2, 2, map.view()), &["field 2"]);
    says(writer.put(0, 2, map.mapv(|v| v / 0.0).view()), &["not finite"]);
    let packed = PackedSample::new(map.view(), Compression::Deflate(1)).unwrap();
    says(writer.put_packed(0, 2, &packed), &["Deflate(1)"]);
    says(writer.put_columns(columns(3)), &["columns"]);
    says(writer.put_columns(columns(4)[..3].to_vec()), &["columns"]);
    says(writer.finish(), &["without the values of its columns"]);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);

    let wrong = |change: &dyn Fn(&mut ShardHeader), words: &[&str]| {
        let mut header = header.clone();
        change(&mut header);
        says(ShardWriter::create(&path, &header, Compression::None), words);
    };
    wrong(&|h| h.samples = 0, &["without pixels"]);
    wrong(&|h| h.fields[0].shape = vec![1 << 20, 1 << 20], &["2^30"]);
    wrong(&|h| h.fields[0].shape = vec![usize::MAX, 3], &["2^30"]);
    wrong(&|h| h.fields[0].name = "dirty-cube".into(), &["twice"]);
    wrong(&|h| h.fields[0].name = "samples".into(), &["one of its groups"]);
    wrong(&|h| h.columns[0].name = "a/b".into(), &["a/b"]);
    wrong(&|h| h.groups[0].name = String::new(), &["name"]);
    says(ShardWriter::create(&folder.path().join("no/x.h5"), &header, Compression::None), &["no/x.h5"]);
}

#[test]
fn files_that_are_no_shards() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.h5");
    says(ShardReader::open(&path), &["x.h5", "check the path"]);
    for bytes in [&b""[..], b"text", b"\x89HDF\r\n\x1a\n"] {
        std::fs::write(&path, bytes).unwrap();
        says(ShardReader::open(&path), &["truncated or damaged", "x.h5"]);
        assert_eq!(shard_summary(&path).unwrap(), None);
    }
    says(ShardReader::open(folder.path()), &[]);
    let file = hdf5::File::create(&path).unwrap();
    file.close().unwrap();
    says(ShardReader::open(&path), &["not a shard"]);
    let file = hdf5::File::create(&path).unwrap();
    file.new_attr::<i64>().create("shard_version").unwrap().write_scalar(&2).unwrap();
    file.close().unwrap();
    says(ShardReader::open(&path), &["shard_version 2", "version of skyfringe"]);
    says(shard_summary(&path), &["another version"]);
}

/// Opens and reads all; true where nothing was found wrong.
fn reads(path: &Path) -> bool {
    let Ok(reader) = ShardReader::open(path) else { return false };
    let fields = 0..reader.header().fields.len();
    fields.into_iter().all(|field| (0..reader.header().samples).all(|sample| reader.read(field, sample).is_ok()))
}

#[test]
fn truncated_and_damaged_files_are_errors_and_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, path) = (folder.path().join("whole.h5"), folder.path().join("x.h5"));
    write(&whole, 4, Compression::default()).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    assert!(reads(&whole));
    for length in (0..bytes.len()).step_by(bytes.len() / 60).chain([bytes.len() - 1]) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(!reads(&path), "{length} of {}", bytes.len());
    }
    // a byte that is not what it was, anywhere: what matters is that there is an answer
    let mut found = 0;
    for at in (0..bytes.len()).step_by(29) {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        found += usize::from(!reads(&path));
    }
    assert!(found > bytes.len() / 29 / 2, "{found}");
}
