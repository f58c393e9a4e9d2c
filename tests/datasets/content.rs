//! What stands in the shards.

use super::{Place, bytes, numbers, texts};
use skyfringe::datasets::{Manifest, Scaling};
use skyfringe::formats::Attribute;
use skyfringe::formats::shard::ShardReader;
use skyfringe::units::hi::mass_per_mpc2_jy_hz;
use std::collections::{BTreeMap, BTreeSet};

/// Physical values of a field of a sample.
pub(super) fn physical(reader: &ShardReader, field: &str, sample: usize) -> Vec<f64> {
    let number = reader.field(field).unwrap();
    let attributes = &reader.header().fields[number].attributes;
    let of = |name: &str| attributes.iter().find(|a| a.0 == name).map(|a| a.1.clone());
    let scaling = Scaling::from_attributes(of).unwrap();
    reader.read(number, sample).unwrap().iter().map(|v| scaling.invert(f64::from(*v))).collect()
}

#[test]
fn a_pair_is_what_its_table_says() {
    let place = Place::new();
    place.build(&["dataset.scaling.tb=asinh", "dataset.scaling.dirty=yeo-johnson"], "d");
    let mut ids = BTreeSet::new();
    let mut noise = Vec::new();
    for shard in 0..3 {
        let reader = place.shard("d", shard);
        let (factor, mass) = (numbers(&reader, "jy_per_pixel_per_mk"), numbers(&reader, "hi_mass_field_msun"));
        let (distance, width) = (numbers(&reader, "distance_mpc"), numbers(&reader, "bandwidth_hz"));
        for sample in 0..reader.header().samples {
            let [tb, flux, dirty, clean] =
                ["tb", "flux", "dirty", "noise-free"].map(|field| physical(&reader, field, sample));
            let sum = |values: &[f64]| values.iter().sum::<f64>();
            // 4e-5 on a degree: pixels cover 1/n of the sky more towards the edge; single precision scaled
            assert!((sum(&flux) / (sum(&tb) * factor[sample]) - 1.0).abs() < 1e-5);
            let told = mass_per_mpc2_jy_hz() * distance[sample].powi(2) * sum(&flux) * width[sample];
            assert!((told / mass[sample] - 1.0).abs() < 1e-6, "{told} {}", mass[sample]);
            assert!((sum(&flux) / numbers(&reader, "flux_jy")[sample] - 1.0).abs() < 1e-6);
            let peak = clean.iter().copied().fold(0.0, f64::max);
            assert!((peak / numbers(&reader, "peak_jy")[sample] - 1.0).abs() < 1e-6);
            let rms = numbers(&reader, "noise_jy")[sample];
            noise.extend(dirty.iter().zip(&clean).map(|(d, c)| (d - c) / rms));
            assert!(numbers(&reader, "band_share")[sample] >= 0.999);
            assert!((0.0..1e-3).contains(&numbers(&reader, "bound")[sample]));
            assert_eq!(texts(&reader, "route")[sample], "psf");
            assert!(ids.insert(texts(&reader, "id")[sample].clone()));
        }
    }
    assert_eq!(ids.len(), 10);
    // 10,240 correlated pixels: a beam covers a few of them
    let variance = noise.iter().map(|v| v * v).sum::<f64>() / noise.len() as f64;
    assert!((variance - 1.0).abs() < 0.1, "{variance}");
}

#[test]
fn splits_are_of_galaxies_and_scalings_of_the_training_split() {
    let place = Place::new();
    let text = place.build(&["dataset.scaling.tb=log"], "d");
    assert!(text.contains("train 6 samples of 3 galaxies") && text.contains("log of x/"), "{text}");
    let mut split_of: BTreeMap<String, String> = BTreeMap::new();
    for shard in 0..3 {
        let reader = place.shard("d", shard);
        for (group, split) in texts(&reader, "group").iter().zip(texts(&reader, "split")) {
            assert_eq!(split_of.entry(group.clone()).or_insert(split.clone()), split);
        }
    }
    let count = |split: &str| split_of.values().filter(|s| *s == split).count();
    assert_eq!(["train", "validation", "test"].map(count), [3, 1, 1]);
    // galaxies of the other splits have no part in the scaling
    let manifest = Manifest::read(&place.path("d")).unwrap();
    let tb = manifest.plan.fields.iter().find(|f| f.name == "tb").unwrap();
    let mut values = Vec::new();
    for shard in 0..3 {
        let reader = place.shard("d", shard);
        for sample in 0..reader.header().samples {
            if texts(&reader, "split")[sample] == "train" {
                values.extend(physical(&reader, "tb", sample).into_iter().filter(|v| *v > 0.0));
            }
        }
    }
    values.sort_by(f64::total_cmp);
    // three of the six training images, every pixel of each, tell the median of non-zero pixels roughly
    let median = values[values.len() / 2];
    assert!((0.2..5.0).contains(&(tb.scaling.scale / median)), "{} {median}", tb.scaling.scale);
}

#[test]
fn parts_threads_and_time_do_not_matter() {
    let place = Place::new();
    place.build(&[], "whole");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    for part in ["0/2", "1/2"] {
        place.ok(&["dataset", "build", "c.toml", "--out", "parts", "--shard", part, "--threads", "1"]);
    }
    let (whole, parts) = (bytes(&place.path("whole")), bytes(&place.path("parts")));
    assert!(whole.iter().any(|f| f.0 == "manifest.json") && whole.iter().any(|f| f.0 == "overview.html"));
    assert!(whole == parts, "{:?}", whole.iter().zip(&parts).find(|(a, b)| a != b).map(|(a, b)| (&a.0, &b.0)));
    // two machines with a folder each, from one plan
    place.ok(&["dataset", "plan", "c.toml", "--out", "a"]);
    std::fs::create_dir(place.path("b")).unwrap();
    std::fs::copy(place.path("a/plan.json"), place.path("b/plan.json")).unwrap();
    place.ok(&["dataset", "build", "c.toml", "--out", "a", "--shard", "0/2"]);
    place.ok(&["dataset", "build", "c.toml", "--out", "b", "--shard", "1/2"]);
    assert!(place.refused(&["dataset", "merge", "a"]).contains("dataset build"));
    place.ok(&["dataset", "merge", "c", "a", "b"]);
    assert!(bytes(&place.path("c")) == whole);
    place.ok(&["dataset", "merge", "a", "b"]);
    assert!(bytes(&place.path("a")) == whole);
    assert!(place.ok(&["dataset", "verify", "a"]).contains("3 shards"));
    assert!(place.ok(&["dataset", "info", "a"]).contains("complete"));
}

#[test]
fn every_field_is_made_as_maps_and_as_cubes() {
    let place = Place::new();
    let fields = "dataset.fields=[\"hi\", \"stars\", \"temperature\", \"dirty\", \"pb-corrected\", \"restored\", \"psf\", \
                  \"tb-cube\", \"flux-cube\", \"dirty-cube\", \"noise-free-cube\", \"restored-cube\", \"psf-cube\"]";
    let changes = [
        fields,
        "dataset.galaxies=1",
        "dataset.split={ train = 1.0, validation = 0.0, test = 0.0 }",
        "sky.channels=4",
        "sky.channel_width=500 kHz",
        "dataset.noise_realisations=2",
        "image.cell=5 arcsec",
        "sky.distance=60 Mpc",
        "dataset.instruments.near=[]",
        "dataset.instruments.wide=[\"image.cell=7 arcsec\"]",
    ];
    place.build(&changes, "d");
    let reader = place.shard("d", 0);
    let header = reader.header();
    let shape = |name: &str| header.fields.iter().find(|f| f.name == name).map(|f| f.shape.clone());
    assert_eq!(shape("restored"), Some(vec![32, 32]));
    assert_eq!(shape("restored-cube"), Some(vec![4, 32, 32]));
    assert_eq!(shape("psf"), None);
    assert_eq!(header.groups.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["near", "wide"]);
    for group in &header.groups {
        let arrays: Vec<&str> = group.arrays.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(
            arrays,
            ["freq_hz", "beam_deg", "noise_jy", "psf", "psf_wide", "beam_cube_deg", "noise_cube_jy", "psf-cube"]
        );
        assert!(group.attributes.iter().any(|a| a.0 == "telescope" && a.1 == Attribute::Text("meerkat".into())));
    }
    assert_eq!(texts(&reader, "instrument"), ["near", "near", "wide", "wide"]);
    assert_eq!(numbers(&reader, "cell_deg").iter().map(|c| (c * 3600.0).round()).collect::<Vec<_>>(), [5., 5., 7., 7.]);
    let sum = |field: &str, sample: usize| physical(&reader, field, sample).iter().sum::<f64>();
    // one sky, two realisations of the noise; another cell, another map of the same galaxy
    assert_eq!(sum("hi", 0), sum("hi", 1));
    assert_ne!(sum("dirty", 0), sum("dirty", 1));
    let column_area = |sample: usize| sum("hi", sample) * numbers(&reader, "cell_deg")[sample].powi(2);
    let field = numbers(&reader, "hi_mass_field_msun");
    assert!((column_area(0) / column_area(2) / (field[0] / field[2]) - 1.0).abs() < 1e-4);
    // the cube's flux is that of the mass in the image
    let flux: f64 = sum("flux-cube", 0) * 5e5;
    let told = mass_per_mpc2_jy_hz() * 3600.0 * flux;
    assert!((told / field[0] - 1.0).abs() < 0.02, "{told:e} {:e}", field[0]);
    for sample in 0..4 {
        for name in header.fields.iter().map(|f| f.name.as_str()) {
            let values = physical(&reader, name, sample);
            assert!(values.iter().any(|v| *v != 0.0), "{name} of sample {sample}");
        }
    }
}

#[test]
fn without_noise_or_instrument_there_are_maps_alone() {
    let place = Place::new();
    place.write("c.toml", &super::SMALL.replace("[noise]\nsefd = \"406 Jy\"\n", ""));
    place.build(&["dataset.fields=[\"dirty\", \"noise-free\"]"], "quiet");
    let quiet = place.shard("quiet", 0);
    assert_eq!(physical(&quiet, "dirty", 0), physical(&quiet, "noise-free", 0));
    place.build(&["dataset.fields=[\"tb\", \"gas\"]"], "maps");
    let maps = place.shard("maps", 0);
    assert!(maps.column("bound").is_none() && physical(&maps, "gas", 1).iter().sum::<f64>() > 0.0);
}
