//! Learning as its users meet it: data set, training, resuming, translating, evaluating, and what is refused.
#![cfg(feature = "learn")]

use skyfringe::formats::fits::read_cube;
use skyfringe::formats::shard::ShardReader;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// 64 samples on few pixels, and a CycleGAN of few weights for 20 steps.
const SMALL: &str = r#"
[dataset]
galaxies = 32
orientations = "random:2"
fields = ["tb", "dirty", "noise-free", "restored", "psf"]
bandwidth = "5 MHz"
shard_samples = 32
seed = 3
split = { train = 0.6, validation = 0.2, test = 0.2, strata = 1 }
scaling = { tb = "asinh", dirty = "asinh" }
fit_samples = 8

[sky]
galaxy = { kind = "disc", seed = 2, cells = 3000 }
distance = "20 Mpc"

[telescope]
name = "meerkat"

[observation]
length = "2 h"
steps = 4

[noise]
sefd = "406 Jy"

[image]
size = 24
cell = "20 arcsec"

[train]
model = "cyclegan"
device = "cpu"
steps = 10
decay_steps = 10
batch = 2
pool = 3
generator = { kind = "resnet", blocks = 1, width = 4, dropout = 0.1 }
discriminator = { kind = "patch16", width = 4 }
loss = { flux = 1, power = 0.1, instrument = 1 }
ema = 0.9
clip = 10
validation = { steps = 5, samples = 4 }
checkpoint = { every = "1 ms", last = 100 }
"#;

/// Folders of one training of all of it, and of its data set in `data`; made once.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn get() -> &'static Place {
        static PLACE: OnceLock<Place> = OnceLock::new();
        PLACE.get_or_init(|| {
            let place = Place { folder: tempfile::tempdir().unwrap() };
            fs::write(place.path("small.toml"), SMALL).unwrap();
            place.ok(&["train", "small.toml", "--out", "whole"]);
            place
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
        command.current_dir(self.folder.path()).args(words).output().unwrap()
    }

    fn ok(&self, words: &[&str]) -> String {
        let out = self.run(words);
        let error = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{words:?}: {error}");
        assert!(!error.contains("panicked"), "{error}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Exit status 2 and a message that says all of `parts`.
    fn refused(&self, words: &[&str], parts: &[&str]) {
        let out = self.run(words);
        let error = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{words:?}: {error}");
        for part in parts {
            assert!(error.contains(part), "{words:?}: no \"{part}\" in: {error}");
        }
        assert!(!error.contains("panicked"), "{error}");
    }

    /// A copy of the whole training as it stood after `step` steps.
    fn copy_at(&self, name: &str, step: u64) -> PathBuf {
        let target = self.path(name);
        copy(&self.path("whole"), &target);
        for entry in fs::read_dir(target.join("checkpoints")).unwrap().flatten() {
            let of: u64 = entry.file_name().to_str().unwrap().strip_prefix("step-").unwrap().parse().unwrap();
            if of > step {
                fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        target
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Those of a folder; none where there is no such folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |e: &fs::DirEntry| e.file_name().into_string().unwrap();
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries.flatten().map(|e| (name(&e), fs::read(e.path()).unwrap())).collect()
}

fn weights(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    files(folder).into_iter().filter(|(name, _)| name.ends_with(".safetensors")).collect()
}

#[test]
fn a_resumed_training_ends_in_the_same_bits_and_tells_what_it_did() {
    let place = Place::get();
    let half = place.copy_at("half", 10);
    let text = place.ok(&["train", "small.toml", "--out", "half", "--resume", "--threads", "1"]);
    assert!(text.contains("10 steps on cpu") && text.contains("half/model"), "{text}");
    let last = |folder: &Path| weights(&folder.join("checkpoints/step-00000020"));
    assert!(last(&half).len() == 10 && last(&half) == last(&place.path("whole")));
    let log = |folder: &Path| {
        let text = fs::read_to_string(folder.join("log.jsonl")).unwrap();
        let lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        lines.map(|mut l| (l.as_object_mut().unwrap().remove("seconds").unwrap(), l).1).collect::<Vec<_>>()
    };
    assert_eq!(log(&half), log(&place.path("whole")));
    assert_eq!(log(&half).len(), 20 + 4);
    for name in ["report.html", "samples/step-00000020.png", "model/model.json", "model/truth-to-mock.safetensors"] {
        assert!(half.join(name).is_file(), "{name}");
    }
    // nothing is left to do
    let text = place.ok(&["train", "small.toml", "--out", "half", "--resume"]);
    assert!(text.starts_with("0 steps"), "{text}");
    place.refused(&["train", "small.toml", "--out", "half"], &["holds a training", "--resume"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_training_leaves_a_checkpoint_and_ends_in_the_same_bits() {
    let place = Place::get();
    let data = format!("train.data={:?}", place.path("whole/data"));
    let words = |out: &'static str| {
        let set = |word: &'static str| ["--set", word];
        let all = ["train", "small.toml", "--out", out, "--set", &data].map(str::to_owned);
        let rest: Vec<String> = [
            set("train.steps=200"),
            set("train.decay_steps=200"),
            set("train.validation.steps=400"),
            set("train.checkpoint.every=\"1 h\""),
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect();
        [&all[..], &rest].concat()
    };
    let whole = words("unstopped");
    place.ok(&whole.iter().map(String::as_str).collect::<Vec<_>>());
    let words = words("stopped");
    let mut command = Command::new(env!("CARGO_BIN_EXE_skyfringe"));
    let mut child = command.current_dir(place.folder.path()).args(&words).spawn().unwrap();
    let log = place.path("stopped/log.jsonl");
    while !fs::read_to_string(&log).is_ok_and(|text| text.lines().count() > 3) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // SAFETY: the process is ours and has not been waited for
    unsafe {
        libc::kill(child.id() as i32, libc::SIGINT);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // no checkpoint was due: the one that is there was written because of the signal
    let checkpoints = |name: &str| fs::read_dir(place.path(name).join("checkpoints")).unwrap().count();
    assert_eq!(checkpoints("stopped"), 1);
    let last = |name: &str| weights(&place.path(name).join("checkpoints/step-00000400"));
    assert!(last("stopped").is_empty());
    place.ok(&words.iter().map(String::as_str).chain(["--resume"]).collect::<Vec<_>>());
    assert_eq!(last("stopped").len(), 10);
    assert!(last("stopped") == last("unstopped"));
}

/// On the first GPU, which in CI is a program (lavapipe); nothing where there is none.
#[test]
fn a_gpu_trains_as_the_cpu_does_and_resumes_in_the_same_bits() {
    let wanted = std::env::var_os("SKYFRINGE_REQUIRE_GPU").is_some();
    let first = skyfringe::learn::device::gpus().into_iter().next();
    let usable = first.as_ref().is_some_and(|gpu| gpu.usable());
    assert!(usable || !wanted, "no GPU was found, not even lavapipe");
    if !usable {
        eprintln!("no GPU: not tested");
        return;
    }
    let place = Place::get();
    let listed = place.ok(&["devices"]);
    assert!(listed.lines().any(|l| l.starts_with("gpu:0") && l.contains("agree with the CPU's")), "{listed}");
    let train = |out: &str, device: &str, more: &[&str]| {
        let data = format!("train.data={:?}", place.path("whole/data"));
        let set = |word: &'static str| ["--set", word];
        let words = [
            &["train", "small.toml", "--out", out, "--device", device, "--set", &data][..],
            &set("train.steps=1"),
            &set("train.decay_steps=1"),
            &set("train.validation.samples=1"),
            // the other losses multiply matrices, which a GPU in software does not survive
            &set("train.loss={flux=1}"),
            more,
        ]
        .concat();
        place.ok(&words)
    };
    if first.is_some_and(|gpu| gpu.software) {
        let words = ["train", "small.toml", "--out", "refused", "--device", "gpu:0"];
        place.refused(&words, &["products of matrices", "instrument = 0"]);
    }
    train("on-cpu", "cpu", &[]);
    train("on-gpu", "gpu:0", &[]);
    let losses = |name: &str| -> Vec<f64> {
        let text = fs::read_to_string(place.path(name).join("log.jsonl")).unwrap();
        let lines = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        lines
            .filter_map(|l| l["losses"].as_object().cloned())
            .flat_map(|l| l.into_iter().map(|(_, v)| v.as_f64().unwrap()))
            .collect()
    };
    let (cpu, gpu) = (losses("on-cpu"), losses("on-gpu"));
    assert!(cpu.len() == gpu.len() && cpu.len() > 10, "{cpu:?}");
    for (c, g) in cpu.iter().zip(&gpu) {
        // the first step from the same weights, the second from such that Adam's first stride parts a little
        assert!((c - g).abs() < 1e-3 * c.abs().max(1e-3), "{cpu:?} {gpu:?}");
    }
    let last = |name: &str| weights(&place.path(name).join("checkpoints/step-00000002"));
    copy(&place.path("on-gpu"), &place.path("on-gpu-again"));
    fs::remove_dir_all(place.path("on-gpu-again/checkpoints/step-00000002")).unwrap();
    train("on-gpu-again", "gpu:0", &["--resume"]);
    assert!(last("on-gpu").len() == 10 && last("on-gpu") == last("on-gpu-again"));

    // the same weights on both devices
    let shard = place.path("whole/data/shard-00000.h5");
    for (device, out) in [("cpu", "by-cpu"), ("gpu:0", "by-gpu")] {
        place.ok(&["translate", "on-cpu", shard.to_str().unwrap(), "--out", out, "--device", device]);
    }
    let read = |name: &str| ShardReader::open(&place.path(name).join("shard-00000.h5")).unwrap().read(0, 3).unwrap();
    let (cpu, gpu) = (read("by-cpu"), read("by-gpu"));
    let peak = cpu.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let worst = cpu.iter().zip(&gpu).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    assert!(peak > 0.0 && worst < 2e-5 * peak, "{worst} of {peak}");
}

#[test]
fn images_are_translated_both_ways_with_their_headers() {
    let place = Place::get();
    let export = ["dataset", "export", "whole/data", "--format", "fits", "--split", "test", "--physical", "--out"];
    place.ok(&[&export[..], &["dirty", "--fields", "dirty"]].concat());
    place.ok(&[&export[..], &["tb", "--fields", "tb"]].concat());
    let fits = |folder: &str| -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> =
            walk(&place.path(folder)).into_iter().filter(|p| p.extension().is_some_and(|e| e == "fits")).collect();
        found.sort();
        found
    };
    let (dirty, tb) = (fits("dirty"), fits("tb"));
    let (dirty, tb) = (dirty[0].to_str().unwrap(), tb[0].to_str().unwrap());
    let text = place.ok(&["translate", "whole", dirty, "--out", "there"]);
    let made = read_cube(place.path(text.trim()).as_path()).unwrap();
    let input = read_cube(Path::new(dirty)).unwrap();
    assert_eq!((made.data.dim(), made.sky, made.unit.as_str()), (input.data.dim(), input.sky, "mK"));
    assert!(made.beams.is_empty() && made.data.iter().all(|v| v.is_finite()));
    assert!(made.cards.iter().any(|c| c.key == "SFMODEL"));
    let text = place.ok(&["translate", "whole", tb, "--direction", "truth-to-mock", "--out", "back", "--turns"]);
    let back = read_cube(place.path(text.trim()).as_path()).unwrap();
    assert_eq!((back.unit.as_str(), back.beams.len()), ("Jy/beam", 1));
    let sigma = place.path("back").join(format!("{}-sigma.fits", Path::new(tb).file_stem().unwrap().to_str().unwrap()));
    let sigma = read_cube(&sigma).unwrap();
    assert!(sigma.data.iter().all(|v| *v >= 0.0) && sigma.data.iter().any(|v| *v > 0.0));

    place.refused(&["translate", "whole", tb, "--out", "no"], &["another unit", "mK", "Jy/beam"]);
    place.refused(&["translate", "whole", "small.toml", "--out", "no"], &["no file that can be translated"]);
    place.refused(&["translate", "whole", dirty, dirty, "--out", "no"], &["two inputs have one name"]);
    place.refused(&["translate", "small.toml", dirty, "--out", "no"], &["no model"]);
    place.refused(&["translate", "whole", dirty, "--out", "no", "--tile", "8", "--overlap", "8"], &["--overlap"]);
    assert!(!place.path("no").exists());

    let shard = place.path("whole/data/shard-00000.h5");
    place.ok(&["translate", "whole", shard.to_str().unwrap(), "--out", "shards", "--tile", "16"]);
    let made = ShardReader::open(&place.path("shards/shard-00000.h5")).unwrap();
    assert_eq!(made.header().fields[0].name, "tb-translated");
    assert_eq!((made.header().samples, made.read(0, 3).unwrap().shape()), (32, &[24, 24][..]));
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().flatten().map(|e| e.path());
    entries.flat_map(|p| if p.is_dir() { walk(&p) } else { vec![p] }).collect()
}

#[test]
fn a_model_is_judged_beside_the_classics() {
    let place = Place::get();
    let text = place.ok(&["evaluate", "whole", "whole/data", "--out", "judged"]);
    for word in ["translated", "dirty", "clean", "wiener", "identity"] {
        assert!(text.lines().any(|l| l.starts_with(word)), "{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(place.path("judged/evaluation.json")).unwrap()).unwrap();
    let of = |method: &str, name: &str| json["methods"][method]["metrics"][name]["mean"].as_f64().unwrap();
    // the Wiener filter is the best linear one: its mass is less wrong than the dirty image's, whose beam it does not know
    assert!(of("wiener", "mass_error").abs() < of("dirty", "mass_error").abs());
    assert!(of("translated", "cycle_error") > 0.0 && of("clean", "chi_squared") > 0.0);
    let samples = json["samples"].as_array().unwrap();
    assert!(
        samples.len() > 8
            && samples.len() == json["methods"]["dirty"]["metrics"]["ssim"]["samples"].as_u64().unwrap() as usize
    );
    for name in ["evaluation.html", "samples.png", "spectra.png"] {
        assert!(place.path("judged").join(name).is_file(), "{name}");
    }
    let again = place.ok(&["evaluate", "whole", "whole/data", "--out", "again", "--threads", "1"]);
    assert_eq!(again.replace("again", "judged"), text);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = Place::get();
    let resume = |name: &str, change: &str, parts: &[&str]| {
        place.copy_at(name, 10);
        place.refused(&["train", "small.toml", "--out", name, "--resume", "--set", change], parts);
    };
    resume("wider", "train.generator.width=5", &["other settings", "generator", "width: 5", "width: 4"]);
    resume("faster", "train.adam.rate=1e-3", &["other settings", "adam"]);
    // a data set of another scaling, and of the same pixels otherwise
    fs::write(place.path("log.toml"), SMALL.replace("dirty = \"asinh\"", "dirty = \"none\"")).unwrap();
    place.ok(&["dataset", "build", "log.toml", "--out", "unscaled"]);
    place.copy_at("other", 10);
    let words = ["train", "small.toml", "--out", "other", "--resume", "--set", "train.data=unscaled"];
    place.refused(&words, &["other settings", "data ="]);
    // it is evaluated all the same, in physical values, and that is said
    let out = place.run(&["evaluate", "whole", "unscaled", "--out", "on-unscaled"]);
    let error = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && error.contains("stores it by none"), "{error}");

    let flip = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let broken = place.copy_at("broken", 10);
    flip(broken.join("checkpoints/step-00000010/judge-mock.safetensors"));
    let words = ["train", "small.toml", "--out", "broken", "--resume"];
    place.refused(&words, &["checkpoint is broken", "judge-mock.safetensors", "sha256"]);
    flip(broken.join("model/mock-to-truth.safetensors"));
    place.refused(&["evaluate", "broken", "whole/data", "--out", "no"], &["not those of its card", "sha256"]);
    fs::write(broken.join("model/model.json"), "{").unwrap();
    place.refused(&["evaluate", "broken", "whole/data", "--out", "no"], &["card is broken", "model.json"]);

    // weights of another architecture than the card's
    let card = fs::read_to_string(place.path("whole/model/model.json")).unwrap();
    let foreign = place.copy_at("foreign", 10);
    fs::write(foreign.join("model/model.json"), card.replace("\"blocks_or_depth\": 1", "\"blocks_or_depth\": 2"))
        .unwrap();
    place.refused(&["evaluate", "foreign", "whole/data", "--out", "no"], &["mock-to-truth.safetensors", "model.11"]);

    for (change, parts) in [
        ("train.mock=[\"blue\"]", vec!["blue", "tb, dirty"]),
        ("train.validation.metric=\"beauty\"", vec!["beauty", "power_error"]),
        ("train.discriminator.kind=\"patch286\"", vec!["too small", "96", "24"]),
        ("train.crop=20", vec!["whole images", "train.crop"]),
        ("train.mock=[\"dirty\", \"restored\"]", vec!["identity"]),
        ("train.device=\"gpu:99\"", vec!["not there", "skyfringe devices"]),
    ] {
        let words = ["train", "small.toml", "--out", "refused", "--set", "train.data=whole/data", "--set", change];
        place.refused(&words, &parts);
    }
    assert!(!place.path("refused").exists());
    // maps alone, that no telescope saw
    let maps = SMALL
        .replace("[\"tb\", \"dirty\", \"noise-free\", \"restored\", \"psf\"]", "[\"tb\"]")
        .replace("{ tb = \"asinh\", dirty = \"asinh\" }", "{ tb = \"asinh\" }")
        .replace("galaxies = 32", "galaxies = 8")
        .replace("model = \"cyclegan\"", "model = \"cyclegan\"\nmock = [\"tb\"]")
        .replace("instrument = 1", "instrument = 0");
    fs::write(place.path("maps.toml"), maps).unwrap();
    place.refused(&["train", "maps.toml", "--out", "maps"], &["pixels or its beam", "\"dirty\""]);
    // other channels than the model's
    fs::write(
        place.path("two.toml"),
        SMALL
            .replace(
                "model = \"cyclegan\"",
                "model = \"pix2pix\"\ndata = \"whole/data\"\nmock = [\"dirty\", \"restored\"]",
            )
            .replace("instrument = 1", "l1 = 10"),
    )
    .unwrap();
    place.ok(&["train", "two.toml", "--out", "two"]);
    place.ok(&[
        "dataset",
        "export",
        "whole/data",
        "--format",
        "fits",
        "--split",
        "test",
        "--physical",
        "--fields",
        "dirty",
        "--out",
        "plain",
    ]);
    let one = walk(&place.path("plain")).into_iter().find(|p| p.extension().is_some_and(|e| e == "fits")).unwrap();
    place.refused(&["translate", "two", one.to_str().unwrap(), "--out", "no"], &["other channels", "dirty, restored"]);
    place.refused(
        &["translate", "two", one.to_str().unwrap(), "--direction", "truth-to-mock", "--out", "no"],
        &["one direction"],
    );
    place.ok(&["evaluate", "two", "whole/data", "--out", "judged-two"]);
}
