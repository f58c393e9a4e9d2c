use crate::error::{Error, Result, Watch};
use crate::learn::data::Batch;
use crate::learn::settings::OptimiserSettings;
use crate::learn::train::checkpoint::{Checkpoint, CheckpointFolder};
use crate::learn::train::log::{Entry, LogLine, TrainingLog};
use crate::learn::train::losses::StepLosses;
use crate::learn::train::model::{Made, Rates, Training};
use crate::learn::train::schedule::Schedule;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// How long a training goes on and what it leaves behind.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Steps and rates.
    pub schedule: Schedule,
    /// Rates before the schedule.
    pub optimiser: OptimiserSettings,
    /// Steps of a pass through the training split.
    pub steps_per_epoch: f64,
    /// Steps between lines of the log: reading losses waits for the device.
    pub log_every: u64,
    /// Steps between validations; 0: none.
    pub validate_every: u64,
    /// Seconds between checkpoints.
    pub checkpoint_s: f64,
    /// Validations without a better one after which it ends; None: it goes on.
    pub patience: Option<usize>,
    /// What a checkpoint must have been made with to be gone on from: keys and values.
    pub settings: BTreeMap<String, String>,
}

/// Where a training stands, besides its weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Standing {
    /// Steps done.
    pub step: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Step and value of the best validation; lower is better.
    pub best: Option<(u64, f64)>,
    /// Validations since.
    pub stale: usize,
}

/// What looks at a training from outside.
pub trait Judge {
    /// Metrics of the validation split, and the one that is to be low.
    ///
    /// # Errors
    /// What it meets; it ends the training.
    fn validate(&mut self, step: u64, made: &Made) -> Result<(BTreeMap<String, f64>, f64)>;

    /// Keeps generators that are the best so far, or, without validations, the last.
    ///
    /// # Errors
    /// What it meets; it ends the training.
    fn keep(&mut self, step: u64, made: &Made, metrics: &BTreeMap<String, f64>) -> Result<()>;

    /// Hears of a line of the log.
    fn line(&mut self, line: &LogLine);
}

/// How a training ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Where it stands.
    pub standing: Standing,
    /// Whether its patience ended it.
    pub early: bool,
    /// Share of this run's time that was spent in steps, not in waiting for images.
    pub busy: f64,
}

impl Standing {
    fn to_facts(&self, plan: &Plan) -> Map<String, Value> {
        let best = self.best.map(|(step, value)| json!({"step": step, "value": value}));
        let facts = [
            ("seconds", json!(self.seconds)),
            ("best", json!(best)),
            ("stale", json!(self.stale)),
            ("settings", json!(plan.settings)),
        ];
        facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Where the training of a checkpoint stands.
    ///
    /// # Errors
    /// One that was made with other settings than the plan's.
    pub fn of(checkpoint: &Checkpoint, plan: &Plan) -> Result<Standing> {
        let facts = &checkpoint.facts;
        for (key, value) in &plan.settings {
            let before = facts.get("settings").and_then(|s| s.get(key)).and_then(Value::as_str);
            if before != Some(value) {
                return Err(Error::input("the checkpoint was made with other settings")
                    .found(format!("{key} = {value}"))
                    .expected(format!("{key} = {}", before.unwrap_or("(none)")))
                    .hint("put the setting back, or train in another --out"));
            }
        }
        let best = facts.get("best").and_then(|best| Some((best.get("step")?.as_u64()?, best.get("value")?.as_f64()?)));
        let seconds = facts.get("seconds").and_then(Value::as_f64).unwrap_or(0.0);
        let stale = facts.get("stale").and_then(Value::as_u64).unwrap_or(0) as usize;
        Ok(Standing { step: checkpoint.step, seconds, best, stale })
    }
}

/// Trains from `standing` to the end of the plan; `batch` gives the images of a step. A stop that the user asks for leaves
/// a checkpoint.
///
/// # Errors
/// A stop; losses that are no numbers; what batches, files, the judge meet.
#[allow(clippy::too_many_arguments)]
pub fn train(
    training: &mut Training,
    mut standing: Standing,
    batch: &mut dyn FnMut(u64) -> Result<Batch>,
    plan: &Plan,
    checkpoints: &CheckpointFolder,
    log: &mut TrainingLog,
    judge: &mut dyn Judge,
    watch: &Watch,
) -> Result<Outcome> {
    let before = standing.seconds;
    let (started, mut kept) = (Instant::now(), Instant::now());
    let (mut waited, mut early) = (0.0, false);
    let last = plan.schedule.steps();
    let keep = |training: &Training, standing: &Standing| {
        let (step, facts) = (standing.step, standing.to_facts(plan));
        checkpoints.write(&Checkpoint { step, files: training.state()?, facts })
    };
    while standing.step < last {
        let waiting = Instant::now();
        let images = batch(standing.step)?;
        waited += waiting.elapsed().as_secs_f64();
        let factor = plan.schedule.factor(standing.step);
        let rates = Rates {
            generators: plan.optimiser.rate * factor,
            discriminators: plan.optimiser.discriminator_rate * factor,
        };
        let losses = training.step(standing.step, &images, rates);
        standing.step += 1;
        standing.seconds = before + started.elapsed().as_secs_f64();
        let (step, seconds) = (standing.step, standing.seconds);
        let epoch = step as f64 / plan.steps_per_epoch;
        let stopped = watch.advance(1);
        let validate = plan.validate_every > 0 && (step % plan.validate_every == 0 || step == last) && stopped.is_ok();
        let checkpoint = stopped.is_err() || step == last || kept.elapsed().as_secs_f64() >= plan.checkpoint_s;
        if step % plan.log_every == 0 || validate || checkpoint {
            let losses = finite(losses, step)?;
            let line = LogLine { step, epoch, seconds, entry: Entry::Losses { losses, rate: rates.generators } };
            log.write(&line)?;
            judge.line(&line);
        }
        if validate {
            let made = training.made();
            let (metrics, value) = judge.validate(step, &made)?;
            let line = LogLine { step, epoch, seconds, entry: Entry::Validation(metrics.clone()) };
            log.write(&line)?;
            judge.line(&line);
            // a value that is no number is never the best
            if value.is_finite() && standing.best.is_none_or(|(_, best)| value < best) {
                standing.best = Some((step, value));
                standing.stale = 0;
                judge.keep(step, &made, &metrics)?;
            } else {
                standing.stale += 1;
            }
            early = plan.patience.is_some_and(|patience| standing.stale >= patience) && step < last;
        }
        if checkpoint || early {
            keep(training, &standing)?;
            kept = Instant::now();
        }
        stopped?;
        if early {
            break;
        }
    }
    if standing.best.is_none() {
        judge.keep(standing.step, &training.made(), &BTreeMap::new())?;
    }
    let busy = 1.0 - waited / started.elapsed().as_secs_f64().max(1e-9);
    Ok(Outcome { standing, early, busy })
}

/// The losses, all of which must be numbers.
fn finite(losses: StepLosses, step: u64) -> Result<BTreeMap<String, f64>> {
    let losses = losses.read()?;
    match losses.iter().find(|(_, value)| !value.is_finite()) {
        None => Ok(losses),
        Some((name, value)) => Err(Error::input("the training has left the numbers")
            .found(format!("loss {name} = {value} in step {step}"))
            .hint("--resume goes on from the last checkpoint, whose losses were finite; lower adam.rate or set clip")),
    }
}
