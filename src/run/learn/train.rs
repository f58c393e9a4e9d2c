//! `train`: a data set and a model from one configuration.

use super::judge::{Watcher, check_metric};
use crate::datasets::{Manifest, Split};
use crate::error::{Error, Result};
use crate::learn::card::ModelCard;
use crate::learn::data::{BatchRequest, DataRequest, Prefetcher, TrainingData};
use crate::learn::device::{DeviceChoice, guarded, pick};
use crate::learn::settings::{GeneratorSettings, ModelKind};
use crate::learn::train::{
    CheckpointFolder, Outcome, Physics, Pieces, Plan, Precision, Schedule, Setting, Standing, Training, TrainingLog,
    read_log, train as train_to_the_end,
};
use crate::run::dataset::{BuildRequest, build};
use crate::run::headers::program;
use crate::run::image::memory;
use crate::run::params::{Length, TrainSettings};
use crate::run::sky::make_folder;
use crate::run::{Progress, load_settings};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The words of `train`.
#[derive(Debug, Clone)]
pub struct TrainRequest {
    /// Configuration.
    pub config: PathBuf,
    /// `--set table.key=value`.
    pub changes: Vec<String>,
    /// Folder of the training.
    pub out: PathBuf,
    /// In place of the configuration's.
    pub device: Option<String>,
    /// Go on from the last checkpoint.
    pub resume: bool,
}

/// Batches made before they are asked for.
const AHEAD: usize = 4;
/// Images that a thread of the CPU works on at once: fewer cost more CPU time (docs/learning.md), more leave threads idle.
const PIECE: usize = 2;
/// Steps between lines of the log on a GPU, which waits when losses are read.
const GPU_LOG_STEPS: u64 = 20;

/// `train`.
///
/// # Errors
/// Those of configurations, data sets, devices; a stop, which leaves a checkpoint.
pub fn train(request: &TrainRequest, progress: &dyn Progress) -> Result<String> {
    let settings = load_settings(&request.config, &request.changes)?;
    let Some(train) = settings.train.clone() else {
        return Err(Error::input("the configuration has no table [train]")
            .place(request.config.display())
            .hint("examples/train/smoke.toml is a small example; examples/all-keys.toml explains every key"));
    };
    check_metric(&train.keep.metric).map_err(|e| e.place(request.config.display()))?;
    let choice = request.device.as_deref().map_or(Ok(train.device), DeviceChoice::parse)?;
    let picked = pick(choice)?;
    if let Some(warning) = &picked.warning {
        progress.note(warning);
    }
    if picked.software && (train.loss.power > 0.0 || train.loss.instrument > 0.0 || train.discriminator.spectral) {
        return Err(Error::input("these settings need products of matrices, which a GPU in software does not survive")
            .found(&picked.name)
            .place(format!("{}, train.loss or train.discriminator", request.config.display()))
            .hint("give --device cpu, or power = 0, instrument = 0 and spectral = false"));
    }
    let _folder = make_folder(&request.out)?;
    let checkpoints = CheckpointFolder::new(&request.out.join("checkpoints"), train.keep.last);
    if !request.resume && !checkpoints.steps()?.is_empty() {
        return Err(Error::input("the folder holds a training")
            .found(request.out.join("checkpoints").display())
            .hint("give --resume to go on with it, or another --out"));
    }
    let folder = data_folder(&train, request, progress)?;
    let watch = progress.stage("reading", 1);
    let data_request = DataRequest {
        mock: train.data.mock.clone(),
        truth: train.data.truth.clone(),
        instrument: train.data.instrument.clone(),
        memory_bytes: memory::default_bytes() / 2,
    };
    let data = Arc::new(TrainingData::open(&folder, &data_request, &watch)?);
    check(&train, &data, &request.config)?;
    let cpu = choice == DeviceChoice::Cpu || picked.name == "cpu";
    // what the device's libraries panic at is an error here
    guarded(|| {
        let work = Work { request, train: &train, data: &data, folder: &folder, checkpoints: &checkpoints, progress };
        work.run(&picked.device, &picked.name, cpu)
    })?
}

/// The data set of the configuration: a folder, or made in `OUT/data`.
fn data_folder(train: &TrainSettings, request: &TrainRequest, progress: &dyn Progress) -> Result<PathBuf> {
    if let Some(folder) = &train.data.folder {
        return Ok(folder.clone());
    }
    let out = request.out.join("data");
    if !out.join(Manifest::NAME).is_file() {
        let build_request = BuildRequest {
            config: request.config.clone(),
            changes: request.changes.clone(),
            out: out.clone(),
            shard: None,
            retry_failed: false,
            limit_memory: None,
        };
        progress
            .note(&build(&build_request, progress).map_err(|e| e.hint("train.data names a data set that is there"))?);
    }
    Ok(out)
}

/// What does not fit together, before anything is computed.
fn check(train: &TrainSettings, data: &TrainingData, config: &Path) -> Result<()> {
    let [height, width] = train.data.crop.map_or(data.size, |side| [side, side]);
    let least = train.discriminator.kind.smallest_side();
    if height.min(width) < least {
        return Err(Error::input("the images are too small for the discriminator")
            .found(format!("{width} x {height} pixels"))
            .expected(format!("at least {least} pixels a side"))
            .place(format!("{}, key train.discriminator.kind", config.display()))
            .hint("take patch16, or larger images"));
    }
    let loss = &train.loss;
    if loss.instrument > 0.0 && train.data.crop.is_some() {
        return Err(Error::input(
            "the loss of the instrument needs whole images: a part does not see what lies beside it",
        )
        .place(format!("{}, key train.crop", config.display()))
        .hint("leave out train.crop, or set train.loss.instrument = 0"));
    }
    if loss.instrument > 0.0 && data.psf().is_none() {
        return Err(Error::input("the loss of the instrument needs the PSF, which the data set does not hold")
            .place(format!("{}, key train.loss.instrument", config.display()))
            .hint("build the data set with \"psf\" among dataset.fields"));
    }
    let facts = data.facts(data.samples(Split::Train)[0]);
    if loss.instrument > 0.0 && !(facts.jy_per_pixel_per_mk.is_finite() && facts.noise_jy > 0.0) {
        return Err(Error::input(
            "the loss of the instrument needs the noise and the flux of 1 mK, which the data set does not say",
        )
        .found(format!("noise {} Jy/beam, {} Jy/(pixel mK)", facts.noise_jy, facts.jy_per_pixel_per_mk))
        .place(format!("{}, key train.loss.instrument", config.display()))
        .hint("build the data set with noise and \"tb\" among dataset.fields, or set train.loss.instrument = 0"));
    }
    if !facts.beam_rad.iter().chain([&facts.cell_rad]).all(|v| v.is_finite()) {
        return Err(Error::input("the data set does not say its pixels or its beam, which a model's card holds")
            .place(config.display())
            .hint("build the data set with a field that a telescope sees, as \"dirty\""));
    }
    let same = data.a.len() == data.b.len();
    if !same && loss.identity > 0.0 {
        return Err(Error::input("the identity loss needs as many channels in both domains")
            .found(format!("{} and {}", data.a.len(), data.b.len()))
            .place(format!("{}, key train.loss.identity", config.display()))
            .hint("set train.loss.identity = 0"));
    }
    if !same && train.generator.skip {
        return Err(Error::input("a generator with a skip needs as many channels in both domains")
            .found(format!("{} and {}", data.a.len(), data.b.len()))
            .place(format!("{}, key train.generator.skip", config.display())));
    }
    Ok(())
}

/// A training whose words are all checked.
struct Work<'a> {
    request: &'a TrainRequest,
    train: &'a TrainSettings,
    data: &'a Arc<TrainingData>,
    folder: &'a Path,
    checkpoints: &'a CheckpointFolder,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn run(&self, device: &burn::tensor::Device, name: &str, cpu: bool) -> Result<String> {
        let Work { request, train, data, checkpoints, progress, .. } = self;
        let out = request.out.as_path();
        let generator = GeneratorSettings { input: data.a.len(), output: data.b.len(), ..train.generator.clone() };
        let setting = Setting {
            generator: generator.clone(),
            discriminator: train.discriminator.clone(),
            init: train.init,
            seed: train.seed,
            pool: train.pool,
            optimiser: train.optimiser,
            loss: train.loss,
            physics: Physics::new(&train.loss, data.size, &data.a, &data.b, device)
                .map_err(|e| e.place(request.config.display()))?,
            precision: if train.bf16 { Precision::Bfloat16 } else { Precision::Float32 },
            pieces: match cpu {
                true => Pieces { images: PIECE, threads: rayon::current_num_threads() },
                false => Pieces::WHOLE,
            },
        };
        let mut training = Training::new(train.model, setting, device)?;
        let plan = self.plan(cpu);
        let standing = match request.resume {
            false => Standing::default(),
            true => match checkpoints.last()? {
                None => {
                    progress.note("there is no checkpoint yet: beginning anew");
                    Standing::default()
                }
                Some(checkpoint) => {
                    let standing = Standing::of(&checkpoint, &plan)
                        .map_err(|e| e.place(checkpoints.of(checkpoint.step).display()))?;
                    training
                        .restore(&checkpoint.files, device)
                        .map_err(|e| e.place(checkpoints.of(checkpoint.step).display()))?;
                    standing
                }
            },
        };
        let log_path = out.join("log.jsonl");
        let mut log = TrainingLog::after(&log_path, standing.step)?;
        let steps = plan.schedule.steps();
        let lines = (read_log(&log_path)?, self.facts(name, steps), steps);
        let keep = &train.keep;
        let mut judge = Watcher::new(
            Arc::clone(data),
            self.card(generator),
            keep.samples,
            &keep.metric,
            device,
            out,
            lines,
            *progress,
        )?;
        let plan = Plan { validate_every: if judge.can_validate() { plan.validate_every } else { 0 }, ..plan };
        let first = BatchRequest {
            seed: train.seed,
            step: standing.step,
            size: train.data.batch,
            paired: train.model == ModelKind::Pix2Pix,
            crop: train.data.crop,
            flips: train.data.flips,
            rotations: train.data.rotations,
        };
        let mut batches = Prefetcher::new(Arc::clone(data), first, device, AHEAD)?;
        let watch = progress.stage("training", steps);
        watch.advance(standing.step)?;
        let began = standing.step;
        let outcome = train_to_the_end(
            &mut training,
            standing,
            &mut |step| batches.take(step),
            &plan,
            checkpoints,
            &mut log,
            &mut judge,
            &watch,
        );
        judge.report()?;
        let outcome = outcome.map_err(|e| match e.is_interrupt() {
            true => {
                progress.note("stopped; --resume goes on from here");
                e
            }
            false => e,
        })?;
        Ok(self.words(&outcome, began, name))
    }

    fn plan(&self, cpu: bool) -> Plan {
        let Work { train, data, .. } = self;
        let steps_per_epoch = data.steps_per_epoch(train.data.batch);
        let steps = |length: Length| match length {
            Length::Steps(n) => n,
            Length::Epochs(epochs) => (epochs * steps_per_epoch).round() as u64,
        };
        let mut settings = BTreeMap::new();
        let mut put = |key: &str, value: String| {
            settings.insert(key.to_owned(), value);
        };
        put("data", data.checksum().to_owned());
        put("model", train.model.word().to_owned());
        let d = &train.data;
        put("instrument", data.instrument.clone());
        put("mock", d.mock.join(", "));
        put("truth", d.truth.join(", "));
        put("batch", d.batch.to_string());
        put("crop", format!("{:?}", d.crop));
        put("flips", d.flips.to_string());
        put("rotations", d.rotations.to_string());
        put("steps", format!("{} + {}", steps(train.length), steps(train.decay)));
        put("seed", train.seed.to_string());
        put("precision", if train.bf16 { "bfloat16" } else { "float32" }.to_owned());
        put("pool", train.pool.to_string());
        put("adam, clip, ema", format!("{:?}", train.optimiser));
        put("generator", format!("{:?}", train.generator));
        put("discriminator", format!("{:?}", train.discriminator));
        put("init", format!("{:?}", train.init));
        put("loss", format!("{:?}", train.loss));
        Plan {
            schedule: Schedule { flat: steps(train.length), fall: steps(train.decay) },
            optimiser: train.optimiser,
            steps_per_epoch,
            log_every: if cpu { 1 } else { GPU_LOG_STEPS },
            validate_every: steps(train.keep.validate).max(1),
            checkpoint_s: train.keep.every_s,
            patience: train.keep.patience,
            settings,
        }
    }

    fn card(&self, generator: GeneratorSettings) -> ModelCard {
        let Work { train, data, .. } = self;
        let facts = data.facts(data.samples(Split::Train)[0]);
        ModelCard {
            kind: train.model,
            generator,
            mock: data.a.clone(),
            truth: data.b.clone(),
            size: data.size,
            instrument: data.instrument.clone(),
            cell_rad: facts.cell_rad,
            beam_rad: facts.beam_rad,
            data_sha256: data.checksum().to_owned(),
            step: 0,
            metrics: BTreeMap::new(),
            program: program(),
        }
    }

    /// For the report.
    fn facts(&self, device: &str, steps: u64) -> Vec<(String, String)> {
        let Work { train, data, folder, .. } = self;
        let splits = Split::ALL.map(|s| format!("{} {}", data.samples(s).len(), s.word())).join(", ");
        let loss = &train.loss;
        let weights = [
            ("adversarial", loss.adversarial_weight),
            ("cycle", loss.cycle),
            ("identity", loss.identity),
            ("l1", loss.l1),
            ("flux", loss.flux),
            ("power", loss.power),
            ("instrument", loss.instrument),
        ];
        let weights: Vec<String> =
            weights.iter().filter(|(_, w)| *w > 0.0).map(|(name, w)| format!("{name} {w}")).collect();
        [
            ("Model", train.model.word().to_owned()),
            ("Data set", format!("{} ({splits})", folder.display())),
            ("Mock and truth", format!("{} and {}", train.data.mock.join(", "), train.data.truth.join(", "))),
            ("Images", format!("{} x {} pixels, {} a step", data.size[1], data.size[0], train.data.batch)),
            ("Steps", steps.to_string()),
            ("Generator", format!("{:?}, width {}", train.generator.kind, train.generator.width)),
            ("Discriminator", format!("{:?}, width {}", train.discriminator.kind, train.discriminator.width)),
            ("Losses", weights.join(", ")),
            ("Learning rate", train.optimiser.rate.to_string()),
            ("Seed", train.seed.to_string()),
            ("Device", device.to_owned()),
            ("Program", program()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn words(&self, outcome: &Outcome, began: u64, device: &str) -> String {
        let Outcome { standing, early, busy } = outcome;
        let steps = standing.step - began;
        let best = match standing.best {
            Some((step, _)) => format!("best {} of the validation split in step {step}", self.train.keep.metric),
            None => "no validation: the model is the last".to_owned(),
        };
        let early = if *early { ", ended early by train.validation.patience" } else { "" };
        format!(
            "{steps} steps on {device}{early}; waited for images {:.1} % of the time\n{best}\nmodel: {}\nreport: {}\n",
            100.0 * (1.0 - busy),
            self.request.out.join("model").display(),
            self.request.out.join("report.html").display(),
        )
    }
}
