use super::*;
use crate::datasets::{
    Layout, Manifest, Plan, PlanField, PlanGalaxy, PlanInstrument, Scaling, ScalingKind, ShardRecord, Split,
    SplitRequest, WIDE_PSF, join,
};
use crate::error::{Result, Watch};
use crate::formats::shard::{
    ArrayValues, ColumnValues, Compression, ShardArray, ShardColumn, ShardField, ShardGroup, ShardHeader, ShardWriter,
};
use crate::learn::data::shards::Shards;
use crate::learn::scaling::ChannelScaling;
use crate::learn::weights::values;
use crate::math::random::Stream;
use burn::Tensor;
use burn::tensor::Device;
use ndarray::{Array1, Array2, Array3, ArrayD, Axis};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Pixels of a side.
const N: usize = 8;
const SPLITS: [Split; 6] = [Split::Train, Split::Train, Split::Validation, Split::Train, Split::Train, Split::Test];
const INSTRUMENTS: [&str; 2] = ["meerkat", "ska-mid"];
/// Jy/mK of both.
const FACTOR: f64 = 2e-6;
/// The sample that failed: of the first galaxy and instrument.
const FAILED: usize = 2;
const EVERYTHING: u64 = u64::MAX;

/// A data set: 6 galaxies in 2 orientations by 2 instruments are 24 samples, in 5 shards.
#[derive(Clone)]
struct Set {
    plan: Plan,
    /// Pixels of a side of the PSF.
    psf: usize,
    /// Of the wide one; None: there is none.
    wide: Option<usize>,
    /// Columns that are left out.
    without: Vec<&'static str>,
}

fn set(instruments: usize) -> Set {
    let galaxy = |i: usize| PlanGalaxy {
        id: format!("g{i}"),
        group: format!("g{i}"),
        source: "disc".into(),
        hi_mass_msun: Some(1e9 * (i + 1) as f64),
        redshift: Some(0.02),
        split: SPLITS[i],
        failure: None,
    };
    let scaling = |kind, scale, lambda| Scaling { kind, scale, offset: 0.25, gain: 1.5, lambda };
    let field = |name: &str, unit: &str, shape: &[usize], scaling| PlanField {
        name: name.into(),
        unit: unit.into(),
        shape: shape.into(),
        signed: name.starts_with("dirty"),
        scaling,
    };
    let fields = vec![
        field("tb", "mK", &[N, N], scaling(ScalingKind::Asinh, 120.0, 1.0)),
        field("dirty", "Jy/beam", &[N, N], scaling(ScalingKind::Asinh, 3e-5, 1.0)),
        field("tb-cube", "K", &[3, N, N], scaling(ScalingKind::YeoJohnson, 2.0, 0.4)),
        field("star", "Msun", &[N, N], scaling(ScalingKind::Log, 5.0, 1.0)),
    ];
    let names = INSTRUMENTS[..instruments].iter();
    let instruments_of = |name: &&str| PlanInstrument { name: (*name).into(), flux_over_peak: [Some(9.0), None] };
    let plan = Plan {
        program: "skyfringe".into(),
        configuration: "[dataset]\n".into(),
        seed: 1,
        layout: Layout { galaxies: 6, views: 2, instruments, realisations: 1, per_shard: 5 },
        galaxies: (0..6).map(galaxy).collect(),
        views: vec!["a".into(), "b".into()],
        instruments: names.map(instruments_of).collect(),
        fields,
        split: SplitRequest { fractions: [0.7, 0.2, 0.1], seed: 1, strata: 1 },
        notes: Vec::new(),
    };
    Set { plan, psf: N, wide: None, without: Vec::new() }
}

/// The same seen from both sides, as a PSF is, and of no other symmetry.
fn psf(instrument: usize, side: usize) -> Array2<f64> {
    let half = (side / 2) as f64;
    Array2::from_shape_fn((side, side), |(y, x)| {
        let (x, y) = (x as f64 - half, y as f64 - half);
        (0.3 * x * x + 0.11 * x * y + (0.07 + 0.1 * instrument as f64) * y * y).cos()
    })
}

/// Galaxies so near the middle that the PSF reaches every pixel but those at the edges; with a wide one they fill the image.
fn sky_mk(set: &Set, sample: usize) -> Array2<f64> {
    let mut random = Stream::new(3, [sample as u32, 0, 0]);
    Array2::from_shape_fn((N, N), |(y, x)| {
        let middle = N / 2 - 1..N / 2 + 1;
        if set.wide.is_some() || middle.contains(&x) && middle.contains(&y) { 400.0 * random.uniform() } else { 0.0 }
    })
}

/// By a direct sum.
fn observed(sky_mk: &Array2<f64>, psf: &Array2<f64>) -> Array2<f64> {
    let half = (psf.nrows() / 2) as isize;
    Array2::from_shape_fn((N, N), |(y, x)| {
        let seen = sky_mk.indexed_iter().filter_map(|((v, u), value)| {
            let place = [y as isize - v as isize + half, x as isize - u as isize + half];
            let [v, u] = place.map(|p| usize::try_from(p).ok());
            Some(value * FACTOR * psf.get([v?, u?])?)
        });
        seen.sum()
    })
}

fn physical(set: &Set, sample: usize, field: &PlanField) -> ArrayD<f64> {
    let mut random = Stream::new(4, [sample as u32, field.shape.len() as u32, 0]);
    match field.name.as_str() {
        "tb" => sky_mk(set, sample).into_dyn(),
        "dirty" => {
            let psf = psf(set.plan.layout.key(sample).instrument, set.wide.map_or(N, |_| 2 * N));
            observed(&sky_mk(set, sample), &psf).into_dyn()
        }
        "star" => ArrayD::from_shape_simple_fn(field.shape.clone(), || 40.0 * random.uniform()),
        _ => ArrayD::from_shape_simple_fn(field.shape.clone(), || 3.0 * random.normal()),
    }
}

fn write_shard(folder: &Path, set: &Set, shard: usize) {
    let layout = &set.plan.layout;
    let range = layout.samples_of(shard);
    let fields = set.plan.fields.iter().map(|f| ShardField {
        name: f.name.clone(),
        shape: f.shape.clone(),
        unit: f.unit.clone(),
        attributes: f.scaling.attributes().into_iter().map(|(n, a)| (n.to_string(), a)).collect(),
    });
    let groups = set.plan.instruments.iter().enumerate().map(|(i, instrument)| {
        let array = |(name, side): (&str, usize)| {
            let psf = psf(i, side).mapv(|v| v as f32).insert_axis(Axis(0)).into_dyn();
            ShardArray { name: name.into(), unit: String::new(), values: ArrayValues::Single(psf) }
        };
        let sides = [("psf", Some(set.psf)), (WIDE_PSF, set.wide)];
        let arrays = sides.into_iter().filter_map(|(name, side)| Some(array((name, side?)))).collect();
        ShardGroup { name: instrument.name.clone(), attributes: Vec::new(), arrays }
    });
    let galaxy = |s: usize| &set.plan.galaxies[layout.key(s).galaxy];
    let texts = |of: &dyn Fn(usize) -> String| ColumnValues::Text(range.clone().map(of).collect());
    let numbers = |of: &dyn Fn(usize) -> f64| ColumnValues::Number(range.clone().map(of).collect());
    let mut columns = vec![
        ("id", texts(&|s| format!("sample {s}"))),
        ("galaxy", texts(&|s| galaxy(s).id.clone())),
        ("group", texts(&|s| galaxy(s).group.clone())),
        ("split", texts(&|s| galaxy(s).split.word().into())),
        ("ok", ColumnValues::Flag(range.clone().map(|s| s != FAILED).collect())),
        ("instrument", texts(&|s| set.plan.instruments[layout.key(s).instrument].name.clone())),
        ("jy_per_pixel_per_mk", numbers(&|_| FACTOR)),
        ("noise_jy", numbers(&|s| 1e-6 * (s + 1) as f64)),
        ("cell_deg", numbers(&|_| 0.001)),
        ("bmaj_deg", numbers(&|_| 0.004)),
        ("bmin_deg", numbers(&|_| 0.003)),
        ("bpa_deg", numbers(&|_| 30.0)),
        ("hi_mass_field_msun", numbers(&|s| 1e9 * s as f64)),
        ("peak_jy", numbers(&|_| 1e-4)),
    ];
    columns.retain(|(name, _)| !set.without.contains(name));
    let told = columns.iter().map(|(name, values)| ShardColumn {
        name: (*name).into(),
        unit: String::new(),
        description: String::new(),
        kind: values.kind(),
    });
    let header = ShardHeader {
        samples: range.len(),
        first_sample: range.start as u64,
        fields: fields.collect(),
        columns: told.collect(),
        groups: groups.collect(),
        attributes: Vec::new(),
    };
    let path = folder.join(Layout::shard_name(shard));
    let mut writer = ShardWriter::create(&path, &header, Compression::default()).unwrap();
    for sample in range.clone().filter(|s| *s != FAILED) {
        for (place, field) in set.plan.fields.iter().enumerate() {
            let stored = physical(set, sample, field).mapv(|x| field.scaling.apply(x) as f32);
            writer.put(place, sample - range.start, stored.view()).unwrap();
        }
    }
    writer.put_columns(columns.into_iter().map(|(_, values)| values).collect()).unwrap();
    writer.finish().unwrap();
    let record = ShardRecord::of_file(folder, layout, shard, &set.plan.sha256(), Vec::new()).unwrap();
    record.write(folder).unwrap();
}

fn build(set: &Set) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    set.plan.write(folder.path()).unwrap();
    (0..set.plan.layout.shards()).for_each(|shard| write_shard(folder.path(), set, shard));
    join(&set.plan, folder.path()).unwrap().write(folder.path()).unwrap();
    folder
}

fn wanted(mock: &[&str], truth: &[&str], instrument: Option<&str>, memory_bytes: u64) -> DataRequest {
    let words = |list: &[&str]| list.iter().map(|w| (*w).to_string()).collect();
    DataRequest { mock: words(mock), truth: words(truth), instrument: instrument.map(String::from), memory_bytes }
}

fn open(folder: &Path, request: &DataRequest) -> Result<TrainingData> {
    TrainingData::open(folder, request, &Watch::silent())
}

fn pair(folder: &Path, memory_bytes: u64) -> TrainingData {
    open(folder, &wanted(&["dirty"], &["tb"], Some("ska-mid"), memory_bytes)).unwrap()
}

fn step(step: u64, size: usize) -> BatchRequest {
    BatchRequest { seed: 11, step, size, paired: false, crop: None, flips: false, rotations: false }
}

/// The images of a batch, bit for bit.
fn images(tensor: &Tensor<4>) -> Vec<Vec<u32>> {
    let [count, ..] = tensor.dims();
    let values = values(tensor.clone()).unwrap();
    values.chunks(values.len() / count).map(|image| image.iter().map(|v| v.to_bits()).collect()).collect()
}

/// Everything of a batch.
fn bits(batch: &Batch) -> Vec<Vec<u32>> {
    let observation = batch.observation.iter().flat_map(|o| [&o.psf, &o.jy_per_pixel_per_mk, &o.noise_jy]);
    [&batch.a, &batch.b].into_iter().chain(observation).flat_map(images).collect()
}

/// Which sample an image is of.
fn names(data: &TrainingData) -> [BTreeMap<Vec<u32>, usize>; 2] {
    let train = data.samples(Split::Train);
    let batch = data.fixed(train, &Device::flex()).unwrap();
    [&batch.a, &batch.b].map(|tensor| images(tensor).into_iter().zip(train.iter().copied()).collect())
}

#[test]
fn a_data_set_opens_with_its_samples_and_what_is_known_of_them() {
    let set = set(2);
    let folder = build(&set);
    let data = pair(folder.path(), EVERYTHING);
    assert_eq!((data.size, data.instrument.as_str()), ([N, N], "ska-mid"));
    // samples of the second instrument are odd
    assert_eq!(data.samples(Split::Train), [1, 3, 5, 7, 13, 15, 17, 19]);
    assert_eq!((data.samples(Split::Validation), data.samples(Split::Test)), (&[9, 11][..], &[21, 23][..]));
    let first = open(folder.path(), &wanted(&["dirty"], &["tb"], Some("meerkat"), EVERYTHING)).unwrap();
    assert_eq!(first.samples(Split::Train), [0, 4, 6, 12, 14, 16, 18], "without the one that failed");
    let facts = data.facts(13);
    assert_eq!((facts.id.as_str(), facts.group.as_str(), facts.split), ("sample 13", "g3", Split::Train));
    assert_eq!((facts.noise_jy, facts.hi_mass_msun, facts.jy_per_pixel_per_mk), (14e-6, 13e9, FACTOR));
    assert_eq!((facts.cell_rad, facts.beam_rad[2]), (0.001f64.to_radians(), 30f64.to_radians()));
    assert_eq!(data.psf().unwrap(), psf(1, N).mapv(|v| v as f32));
    assert_eq!(first.psf().unwrap(), psf(0, N).mapv(|v| v as f32));
    assert_eq!(data.widest_psf(), data.psf(), "there is no wide one");
    assert!(data.has("star") && !data.has("psf"));
    let manifest = Manifest::read(folder.path()).unwrap();
    assert_eq!(data.checksum(), crate::formats::sha256_bytes(&manifest.to_bytes()));
    assert_eq!(data.steps_per_epoch(16), 0.5);
}

#[test]
fn physical_values_are_the_inverse_of_the_scaling_and_spans_those_of_the_training_split() {
    let set = set(2);
    let folder = build(&set);
    let request = wanted(&["dirty", "tb-cube"], &["tb", "star"], Some("ska-mid"), EVERYTHING);
    let data = open(folder.path(), &request).unwrap();
    let planes: Vec<_> = data.a.iter().map(|c| (c.field.as_str(), c.unit.as_str(), c.plane)).collect();
    let cube = |plane| ("tb-cube", "K", Some(plane));
    assert_eq!(planes, [("dirty", "Jy/beam", None), cube(0), cube(1), cube(2)]);
    for sample in [1, 21, 23] {
        for field in &set.plan.fields {
            let (stored, got) =
                (data.stored(sample, &field.name).unwrap(), data.physical(sample, &field.name).unwrap());
            let want = physical(&set, sample, field);
            for ((y, x), want) in stored.iter().zip(&got).zip(&want) {
                assert_eq!(*y, field.scaling.apply(*want) as f32);
                assert_eq!(*x, field.scaling.invert(f64::from(*y)));
            }
        }
    }
    let train = data.samples(Split::Train);
    let batch = data.fixed(train, &Device::flex()).unwrap();
    for (channels, tensor) in [(&data.a, &batch.a), (&data.b, &batch.b)] {
        for (number, channel) in channels.iter().enumerate() {
            let plane = values(tensor.clone().narrow(1, number, 1)).unwrap();
            let stored = train.iter().flat_map(|sample| {
                let field = data.stored(*sample, &channel.field).unwrap();
                field.index_axis_move(Axis(0), channel.plane.unwrap_or(0))
            });
            let stored: Vec<f32> = stored.collect();
            let largest = stored.iter().map(|y| (f64::from(*y) - channel.shift).abs()).fold(0.0, f64::max);
            assert_eq!((channel.span, channel.shift), (1.05 * largest, ChannelScaling::zero(&channel.scaling)));
            assert!(plane.iter().zip(&stored).all(|(u, y)| *u == channel.from_stored(*y)));
            let reach = plane.iter().fold(0.0f32, |m, u| m.max(u.abs()));
            assert!((reach - 1.0 / 1.05).abs() < 1e-6, "{reach}");
        }
    }
}

#[test]
fn an_epoch_shows_every_sample_once_in_an_order_of_its_own() {
    let folder = build(&set(2));
    let data = pair(folder.path(), EVERYTHING);
    let names = names(&data);
    let train = data.samples(Split::Train);
    let epoch = |number: u64, paired: bool| {
        // 8 samples are 4 steps of 2
        let batches = (4 * number..4 * number + 4)
            .map(|at| data.batch(&BatchRequest { paired, ..step(at, 2) }, &Device::flex()).unwrap());
        let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
        for batch in batches {
            of_a.extend(images(&batch.a).iter().map(|image| names[0][image]));
            of_b.extend(images(&batch.b).iter().map(|image| names[1][image]));
        }
        [of_a, of_b]
    };
    let mut orders = Vec::new();
    for number in 0..5 {
        for paired in [false, true] {
            let order = epoch(number, paired);
            for seen in &order {
                let mut sorted = seen.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, train);
            }
            assert_eq!(order[0] == order[1], paired);
            if !paired {
                orders.extend(order);
            }
        }
    }
    orders.sort();
    orders.dedup();
    assert_eq!(orders.len(), 10, "orders of epochs and domains differ");
    // steps that do not divide an epoch go on in the next one
    let whole: Vec<usize> = (0..3).flat_map(|number| epoch(number, true)[0].clone()).collect();
    let threes = (0..8).flat_map(|at| {
        let batch = data.batch(&BatchRequest { paired: true, ..step(at, 3) }, &Device::flex()).unwrap();
        images(&batch.a).iter().map(|image| names[0][image]).collect::<Vec<_>>()
    });
    assert_eq!(threes.collect::<Vec<_>>(), whole);
}

#[test]
fn turned_mocks_are_what_turned_psfs_make_of_turned_truths() {
    let folder = build(&set(2));
    let data = pair(folder.path(), EVERYTHING);
    let (mock, truth) = (&data.a[0], &data.b[0]);
    let largest = 1.05 * 400.0 * 4.0 * FACTOR;
    let seen = |flips, rotations| {
        let mut ways = BTreeMap::new();
        for at in 0..8 {
            let request = BatchRequest { paired: true, flips, rotations, ..step(at, 8) };
            let batch = data.batch(&request, &Device::flex()).unwrap();
            let observation = batch.observation.as_ref().unwrap();
            let all = |tensor: &Tensor<4>| {
                let values = values(tensor.clone()).unwrap();
                Array3::from_shape_vec((8, N, N), values).unwrap()
            };
            let (a, b, psf) = (all(&batch.a), all(&batch.b), all(&observation.psf));
            for ((a, b), psf) in a.outer_iter().zip(b.outer_iter()).zip(psf.outer_iter()) {
                assert_eq!(psf[[N / 2, N / 2]], 1.0);
                let want = observed(&b.mapv(|u| truth.to_physical(u)), &psf.mapv(f64::from));
                for y in 1..N - 1 {
                    for x in 1..N - 1 {
                        let got = mock.to_physical(a[[y, x]]);
                        assert!((got - want[[y, x]]).abs() < 1e-5 * largest, "{y} {x}: {got} {}", want[[y, x]]);
                    }
                }
                let bits: Vec<u32> = psf.iter().map(|v| v.to_bits()).collect();
                *ways.entry(bits).or_insert(0) += 1;
            }
        }
        ways
    };
    // a PSF is the same after half a turn but for its first row and column, so of eight ways to lay it four differ
    assert_eq!(seen(false, false).len(), 1);
    for (flips, rotations, ways) in [(true, false, 2), (false, true, 2), (true, true, 4)] {
        let seen = seen(flips, rotations);
        assert!((ways..=2 * ways).contains(&seen.len()), "{flips} {rotations}: {seen:?}");
        assert!(seen.values().all(|count| *count > 1), "{seen:?}");
    }
}

/// The wide PSF reaches every pixel from every other one, so that mocks are what it makes of truths up to the edges.
#[test]
fn the_wide_psf_is_taken_where_there_is_one_and_turned_as_its_image() {
    let folder = build(&Set { wide: Some(2 * N), ..set(2) });
    let data = pair(folder.path(), EVERYTHING);
    let wide = psf(1, 2 * N).mapv(|v| v as f32);
    assert_eq!((data.psf().unwrap(), data.widest_psf().unwrap()), (&psf(1, N).mapv(|v| v as f32), &wide));
    let fixed = data.fixed(data.samples(Split::Train), &Device::flex()).unwrap();
    let bits: Vec<u32> = wide.iter().map(|v| v.to_bits()).collect();
    assert!(images(&fixed.observation.unwrap().psf).iter().all(|image| *image == bits));
    let (mock, truth) = (&data.a[0], &data.b[0]);
    let largest = data.physical(1, "dirty").unwrap().iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let mut ways = BTreeMap::new();
    for at in 0..8 {
        let request = BatchRequest { paired: true, flips: true, rotations: true, ..step(at, 8) };
        let batch = data.batch(&request, &Device::flex()).unwrap();
        let laid = &batch.observation.as_ref().unwrap().psf;
        assert_eq!(laid.dims(), [8, 1, 2 * N, 2 * N]);
        let all = |tensor: &Tensor<4>, side| Array3::from_shape_vec((8, side, side), values(tensor.clone()).unwrap());
        let (a, b, psf) = (all(&batch.a, N).unwrap(), all(&batch.b, N).unwrap(), all(laid, 2 * N).unwrap());
        for ((a, b), psf) in a.outer_iter().zip(b.outer_iter()).zip(psf.outer_iter()) {
            let want = observed(&b.mapv(|u| truth.to_physical(u)), &psf.mapv(f64::from));
            for (u, want) in a.iter().zip(&want) {
                let got = mock.to_physical(*u);
                assert!((got - want).abs() < 1e-5 * largest, "{got} {want}");
            }
            let way = Turn::all().position(|turn| turn.psf(wide.view()) == psf).unwrap();
            *ways.entry(way).or_insert(0) += 1;
        }
    }
    assert!(ways.len() >= 4, "{ways:?}");
}

#[test]
fn what_is_known_of_a_mock_goes_with_it() {
    let folder = build(&set(2));
    let data = pair(folder.path(), EVERYTHING);
    let names = names(&data);
    let batch = data.batch(&step(1, 5), &Device::flex()).unwrap();
    let observation = batch.observation.as_ref().unwrap();
    let noise = values(observation.noise_jy.clone()).unwrap();
    assert_eq!(observation.noise_jy.dims(), [5, 1, 1, 1]);
    for (image, noise) in images(&batch.a).iter().zip(noise) {
        assert_eq!(noise, data.facts(names[0][image]).noise_jy as f32);
    }
    assert!(values(observation.jy_per_pixel_per_mk.clone()).unwrap().iter().all(|f| *f == FACTOR as f32));
}

#[test]
fn crops_are_parts_of_images_and_of_pairs_the_same_part() {
    let folder = build(&set(2));
    let data = pair(folder.path(), EVERYTHING);
    let fixed = data.fixed(data.samples(Split::Train), &Device::flex()).unwrap();
    let whole = [&fixed.a, &fixed.b].map(|t| Array3::from_shape_vec((8, N, N), values(t.clone()).unwrap()).unwrap());
    let side = 5;
    let mut corners = Vec::new();
    for at in 0..6 {
        let request = BatchRequest { paired: true, crop: Some(side), flips: true, rotations: true, ..step(at, 4) };
        let batch = data.batch(&request, &Device::flex()).unwrap();
        assert!(batch.observation.is_none(), "a part does not see what lies beside it");
        assert_eq!(batch.b.dims(), [4, 1, side, side]);
        let parts =
            [&batch.a, &batch.b].map(|t| Array3::from_shape_vec((4, side, side), values(t.clone()).unwrap()).unwrap());
        for image in 0..4 {
            let mut found = Vec::new();
            for sample in 0..8 {
                for turn in Turn::all() {
                    let turned = [0, 1].map(|d| turn.image(whole[d].index_axis(Axis(0), sample)));
                    for (y, x) in (0..16).map(|i| (i / 4, i % 4)) {
                        let same = |d: usize| {
                            let part = turned[d].slice(ndarray::s![y..y + side, x..x + side]);
                            part == parts[d].index_axis(Axis(0), image)
                        };
                        if same(0) && same(1) {
                            found.push((y, x));
                        }
                    }
                }
            }
            assert!(!found.is_empty());
            corners.extend(found);
        }
    }
    corners.sort_unstable();
    corners.dedup();
    assert!(corners.len() > 5, "{corners:?}");
}

#[test]
fn a_batch_is_the_same_whoever_makes_it_and_whenever() {
    let folder = build(&set(2));
    let (held, read) = (Arc::new(pair(folder.path(), EVERYTHING)), pair(folder.path(), 0));
    let of = |data: &TrainingData, at: u64| {
        let request = BatchRequest { flips: true, rotations: true, ..step(at, 3) };
        bits(&data.batch(&request, &Device::flex()).unwrap())
    };
    let steps: Vec<Vec<Vec<u32>>> = (0..9).map(|at| of(&held, at)).collect();
    assert!(steps[0] != steps[1]);
    let backwards: Vec<Vec<Vec<u32>>> = (0..9).rev().map(|at| of(&read, at)).collect();
    assert!(backwards.iter().rev().eq(&steps), "read from the files");
    let other = |seed| bits(&held.batch(&BatchRequest { seed, ..step(0, 3) }, &Device::flex()).unwrap());
    assert!(other(1) != other(2));
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..3).map(|_| scope.spawn(|| (0..9).map(|at| of(&read, at)).collect::<Vec<_>>())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), steps);
        }
    });
    // a run that was stopped goes on from step 4
    for (first, ahead) in [(0, 1), (4, 3)] {
        let request = BatchRequest { flips: true, rotations: true, ..step(first, 3) };
        let mut batches = Prefetcher::new(Arc::clone(&held), request, &Device::flex(), ahead).unwrap();
        for at in first..9 {
            assert_eq!(bits(&batches.take(at).unwrap()), steps[at as usize]);
        }
        drop(batches);
        assert_eq!(Arc::strong_count(&held), 1, "the thread has ended");
    }
}

#[test]
fn errors_come_through_the_prefetcher() {
    let folder = build(&set(2));
    let data = Arc::new(pair(folder.path(), 0));
    let request = BatchRequest { crop: Some(N + 1), ..step(0, 2) };
    let mut batches = Prefetcher::new(Arc::clone(&data), request, &Device::flex(), 2).unwrap();
    assert!(batches.take(0).unwrap_err().to_string().contains("larger than the images"));
    assert!(batches.take(1).unwrap_err().to_string().contains("has stopped"));
    drop(batches);
    assert_eq!(Arc::strong_count(&data), 1);
}

#[test]
fn shards_are_closed_and_opened_again() {
    let folder = build(&set(2));
    let data = pair(folder.path(), 0);
    let manifest = Manifest::read(folder.path()).unwrap();
    let (shards, facts) = Shards::open(folder.path(), &manifest, 2, &Watch::silent()).unwrap();
    assert_eq!(facts.len(), 24);
    for sample in (0..24).map(|i| 7 * i % 24) {
        assert_eq!(shards.read(sample, "dirty").unwrap(), data.stored(sample, "dirty").unwrap(), "{sample}");
    }
    // shards 0 and 2 are open now
    shards.read(0, "tb").unwrap();
    shards.read(12, "tb").unwrap();
    (0..5).for_each(|shard| fs::remove_file(folder.path().join(Layout::shard_name(shard))).unwrap());
    assert!(shards.read(5, "tb").unwrap_err().to_string().contains("shard-00001.h5"));
}

#[test]
fn cubes_and_maps_alone_are_learnt_from_too() {
    let without = ["jy_per_pixel_per_mk", "noise_jy", "bmaj_deg", "bmin_deg", "bpa_deg", "peak_jy"];
    let folder = build(&Set { without: without.into(), ..set(1) });
    let data = open(folder.path(), &wanted(&["tb-cube"], &["star"], None, EVERYTHING)).unwrap();
    assert_eq!((data.a.len(), data.b.len(), data.instrument.as_str()), (3, 1, "meerkat"));
    let batch = data.batch(&step(0, 2), &Device::flex()).unwrap();
    assert_eq!((batch.a.dims(), batch.b.dims()), ([2, 3, N, N], [2, 1, N, N]));
    assert!(data.facts(0).noise_jy.is_nan() && data.facts(0).beam_rad[0].is_nan());
}

#[test]
fn what_does_not_fit_is_named() {
    let good = set(2);
    let says = |folder: &Path, request: &DataRequest, words: &[&str]| {
        let error = open(folder, request).unwrap_err().to_string();
        assert!(words.iter().all(|w| error.contains(w)), "{words:?}: {error}");
    };
    let request = wanted(&["dirty"], &["tb"], Some("ska-mid"), 0);
    let folder = build(&good);
    let path = folder.path();
    says(path, &wanted(&["dirt"], &["tb"], Some("ska-mid"), 0), &["\"dirt\"", "tb, dirty, tb-cube, star"]);
    says(path, &wanted(&[], &["tb"], Some("ska-mid"), 0), &["at least one field"]);
    says(path, &wanted(&["dirty"], &["tb"], None, 0), &["several instruments", "meerkat, ska-mid"]);
    says(path, &wanted(&["dirty"], &["tb"], Some("vla"), 0), &["no such instrument", "\"vla\"", "meerkat, ska-mid"]);
    says(tempfile::tempdir().unwrap().path(), &request, &["manifest.json"]);
    let data = pair(path, 0);
    assert!(data.physical(1, "gas").unwrap_err().to_string().contains("tb, dirty, tb-cube, star"));
    assert!(data.batch(&step(0, 0), &Device::flex()).unwrap_err().to_string().contains("at least one image"));
    let large = BatchRequest { crop: Some(N + 1), ..step(0, 1) };
    assert!(data.batch(&large, &Device::flex()).unwrap_err().to_string().contains("at most 8"));
    drop(data);
    // one shard of other content than the rest
    let with = |change: &dyn Fn(&mut Set)| {
        let mut other = good.clone();
        change(&mut other);
        write_shard(path, &other, 3);
    };
    with(&|s| s.plan.fields[3].shape = vec![N, N + 1]);
    says(path, &request, &["differ in their fields", "shard-00003.h5", "star [8, 9]", "star [8, 8]"]);
    with(&|s| s.plan.fields[1].scaling.scale = 4e-5);
    says(path, &request, &["differ in their fields", "scale 0.00004", "scale 0.00003"]);
    with(&|s| s.plan.fields.truncate(3));
    says(path, &request, &["differ in their fields", "no such field", "star"]);
    with(&|s| s.plan.layout.galaxies = 4);
    says(path, &request, &["samples that the manifest says", "1 samples", "5"]);
    with(&|s| s.without = vec!["ok"]);
    says(path, &request, &["lacks a column", "ok", "shard-00003.h5"]);
    with(&|_| ());
    // a shard's writer refuses it
    let shard = hdf5::File::open_rw(path.join(Layout::shard_name(3))).unwrap();
    let dirty = shard.dataset("dirty").unwrap();
    let mut stored = dirty.read::<f32, ndarray::Ix3>().unwrap();
    // sample 15 is the first of this shard
    stored[[0, 2, 3]] = f32::NAN;
    dirty.write(stored.view()).unwrap();
    drop((dirty, shard));
    says(path, &request, &["no number", "sample 15", "dirty"]);
    fs::remove_file(path.join(Layout::shard_name(3))).unwrap();
    says(path, &request, &["shard-00003.h5"]);
    let folder = build(&Set { psf: N + 2, ..good.clone() });
    says(folder.path(), &request, &["PSF", "[1, 10, 10]", "[plane, 8, 8]", "psf of ska-mid"]);
    let folder = build(&Set { wide: Some(N), ..good.clone() });
    says(folder.path(), &request, &["PSF", "[1, 8, 8]", "[plane, 16, 16]", "psf_wide of ska-mid"]);
    let mut idle = good.clone();
    idle.plan.galaxies.iter_mut().for_each(|g| g.split = Split::Test);
    says(build(&idle).path(), &request, &["no samples to train on", "ska-mid"]);
    let mut oblong = good.clone();
    oblong.plan.fields[2].shape = vec![3, N, 2 * N];
    oblong.plan.fields[3].shape = vec![N, 2 * N];
    let folder = build(&oblong);
    says(folder.path(), &wanted(&["tb-cube"], &["tb"], Some("ska-mid"), 0), &["differ in size", "8 x 8", "16 x 8"]);
    assert!(open(folder.path(), &wanted(&["tb-cube"], &["star"], Some("ska-mid"), 0)).is_err(), "PSF of another size");
}

#[test]
fn an_interrupt_stops_the_opening() {
    let folder = build(&set(2));
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let error =
        TrainingData::open(folder.path(), &wanted(&["dirty"], &["tb"], Some("meerkat"), 0), &Watch::stopped_by(stop));
    assert!(error.unwrap_err().is_interrupt());
}

/// SKYFRINGE_DATASET=FOLDER cargo test --release --lib what_a_batch_costs -- --ignored --nocapture
#[test]
#[ignore = "measures: give it a data set with fields dirty and tb"]
fn what_a_batch_costs() {
    let folder = std::env::var("SKYFRINGE_DATASET").unwrap();
    for (words, memory_bytes) in [("held", EVERYTHING), ("read", 0)] {
        let begun = std::time::Instant::now();
        let data = open(Path::new(&folder), &wanted(&["dirty"], &["tb"], None, memory_bytes)).unwrap();
        let opened = begun.elapsed();
        let mut costs = Array1::from_shape_simple_fn(50, || 0.0);
        for (at, cost) in costs.iter_mut().enumerate() {
            let request = BatchRequest { flips: true, rotations: true, ..step(at as u64, 16) };
            let begun = std::time::Instant::now();
            let _batch = data.batch(&request, &Device::flex()).unwrap();
            *cost = 1e3 * begun.elapsed().as_secs_f64();
        }
        let mut sorted = costs.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        println!("{words}: opened in {opened:.2?}, a batch of 16 of {:?} in {:.3} ms", data.size, sorted[25]);
    }
}
