//! What looks at a training on its way: validation, pictures, the model that is kept, the report.

use super::report::report_html;
use super::sheet::{Tile, sheet};
use crate::datasets::Split;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::learn::card::ModelCard;
use crate::learn::data::TrainingData;
use crate::learn::metrics::{Case, Measurer, NAMES};
use crate::learn::model::{Direction, Model, to_network, to_physical};
use crate::learn::train::{Entry, Judge, LogLine, Made};
use crate::run::Progress;
use burn::tensor::Device;
use ndarray::{Array2, Array3, Axis};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Images that are translated at once.
const AT_ONCE: usize = 16;
/// Samples of the pictures.
const SHOWN: usize = 4;

/// Everything that validation needs.
pub(super) struct Watcher<'a> {
    data: Arc<TrainingData>,
    measurers: Vec<Measurer>,
    card: ModelCard,
    samples: Vec<usize>,
    metric: String,
    device: Device,
    out: PathBuf,
    lines: Vec<LogLine>,
    facts: Vec<(String, String)>,
    steps: u64,
    progress: &'a dyn Progress,
}

impl<'a> Watcher<'a> {
    /// Looks at the first `samples` of the validation split, of whose metrics `metric` decides.
    ///
    /// # Errors
    /// No such metric.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn new(
        data: Arc<TrainingData>,
        card: ModelCard,
        samples: usize,
        metric: &str,
        device: &Device,
        out: &Path,
        (lines, facts, steps): (Vec<LogLine>, Vec<(String, String)>, u64),
        progress: &'a dyn Progress,
    ) -> Result<Watcher<'a>> {
        check_metric(metric)?;
        let measurers = measurers(&data);
        let samples = data.samples(Split::Validation).iter().copied().take(samples).collect();
        let (device, out, metric) = (device.clone(), out.to_path_buf(), metric.to_owned());
        Ok(Watcher { data, measurers, card, samples, metric, device, out, lines, facts, steps, progress })
    }

    /// Whether there is anything to validate on.
    pub(super) fn can_validate(&self) -> bool {
        !self.samples.is_empty()
    }

    fn picture(&self, step: u64, model: &Model) -> Result<()> {
        let shown: Vec<usize> = self.samples.iter().copied().take(SHOWN).collect();
        let made = translated(model, &self.data, &shown)?;
        let mut rows = Vec::new();
        for (sample, made) in shown.iter().zip(&made) {
            let (mock, truth) = (
                physical(&self.data, *sample, &self.card, Direction::ToMock)?,
                physical(&self.data, *sample, &self.card, Direction::ToTruth)?,
            );
            let peak = Some(truth.iter().fold(0.0f64, |m, v| m.max(*v)));
            let tile = |title: &str, values: Array2<f64>, unit: &str, peak| Tile {
                title: title.into(),
                values,
                unit: unit.into(),
                peak,
            };
            let (of_mock, of_truth) = (&self.card.mock[0].unit, &self.card.truth[0].unit);
            rows.push(vec![
                tile("Mock", mock, of_mock, None),
                tile("Translated", made.index_axis(Axis(0), 0).to_owned(), of_truth, peak),
                tile("Truth", truth, of_truth, peak),
            ]);
        }
        let words = format!("step {step} of {}", self.steps);
        let bytes = sheet(&rows, "Validation samples", &words).render()?;
        let folder = self.out.join("samples");
        std::fs::create_dir_all(&folder).map_err(|e| Error::io("make", &folder, e))?;
        Staged::write_bytes(&folder.join(format!("step-{step:08}.png")), &bytes)
    }

    /// Writes report.html.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub(super) fn report(&self) -> Result<()> {
        let page = report_html(&self.facts, &self.lines, &self.out.join("samples"))?;
        Staged::write_bytes(&self.out.join("report.html"), page.as_bytes())
    }
}

impl Judge for Watcher<'_> {
    fn validate(&mut self, step: u64, made: &Made) -> Result<(BTreeMap<String, f64>, f64)> {
        let model = Model::new(self.card.clone(), made.clone(), &self.device);
        let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
        for samples in self.samples.chunks(AT_ONCE) {
            for (sample, made) in samples.iter().zip(translated(&model, &self.data, samples)?) {
                let truth = all_physical(&self.data, *sample, &self.card, Direction::ToTruth)?;
                for ((measurer, made), truth) in self.measurers.iter().zip(made.outer_iter()).zip(truth.outer_iter()) {
                    for (name, value) in measurer.measure(Case { made, truth }).0 {
                        let sum = sums.entry(name).or_default();
                        *sum = (sum.0 + value, sum.1 + 1.0);
                    }
                }
            }
        }
        let means: BTreeMap<String, f64> =
            sums.into_iter().map(|(name, (sum, n))| (name.to_owned(), sum / n)).collect();
        self.picture(step, &model)?;
        let value = means.get(&self.metric).copied().unwrap_or(f64::NAN);
        Ok((means, cost(&self.metric, value)))
    }

    fn keep(&mut self, step: u64, made: &Made, metrics: &BTreeMap<String, f64>) -> Result<()> {
        let card = ModelCard { step, metrics: metrics.clone(), ..self.card.clone() };
        Model::new(card, made.clone(), &self.device).save(&self.out.join("model"))
    }

    fn line(&mut self, line: &LogLine) {
        let text = match &line.entry {
            Entry::Losses { losses, .. } => {
                let words: Vec<String> = losses.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
                words.join(" · ")
            }
            Entry::Validation(metrics) => {
                let value = |name: &str| metrics.get(name).copied().unwrap_or(f64::NAN);
                self.progress.note(&format!(
                    "step {} (epoch {:.1}): power_error {:.3}, correlation {:.3}, mass_error {:+.3}, ssim {:.3}",
                    line.step,
                    line.epoch,
                    value("power_error"),
                    value("correlation"),
                    value("mass_error"),
                    value("ssim")
                ));
                String::new()
            }
        };
        if !text.is_empty() {
            self.progress.status(&text);
        }
        self.lines.push(line.clone());
        if matches!(line.entry, Entry::Validation(_))
            && let Err(error) = self.report()
        {
            self.progress.note(&format!("report.html was not written: {error}"));
        }
    }
}

/// # Errors
/// No such metric.
pub(super) fn check_metric(metric: &str) -> Result<()> {
    if NAMES.iter().any(|(name, _)| *name == metric) {
        return Ok(());
    }
    Err(Error::input("there is no such metric")
        .found(format!("\"{metric}\""))
        .expected(NAMES.map(|(name, _)| name).join(", "))
        .place("train.validation.metric"))
}

/// What is to be low.
fn cost(metric: &str, value: f64) -> f64 {
    match metric {
        "correlation" | "ssim" | "psnr_db" | "psnr_physical_db" => -value,
        "power_ratio" | "transfer" => (value - 1.0).abs(),
        _ => value.abs(),
    }
}

/// One a channel of the truths.
pub(super) fn measurers(data: &TrainingData) -> Vec<Measurer> {
    let first = data.samples(Split::Train).first().copied().unwrap_or(0);
    let facts = data.facts(first);
    let fwhm_rad = (facts.beam_rad[0] * facts.beam_rad[1]).sqrt();
    data.b.iter().map(|channel| Measurer::new(data.size, facts.cell_rad, fwhm_rad, channel)).collect()
}

/// Translations of the mocks of samples, physical \[channel, y, x\].
///
/// # Errors
/// A damaged file, a device that fails.
pub(super) fn translated(model: &Model, data: &TrainingData, samples: &[usize]) -> Result<Vec<Array3<f64>>> {
    let mocks = samples
        .iter()
        .map(|s| Ok(to_network(&model.card.mock, &all_physical(data, *s, &model.card, Direction::ToMock)?)))
        .collect::<Result<Vec<_>>>()?;
    let mut all = Vec::new();
    for some in mocks.chunks(AT_ONCE) {
        let made = model.translate(Direction::ToTruth, some)?;
        all.extend(made.iter().map(|image| to_physical(&model.card.truth, image)));
    }
    Ok(all)
}

/// Physical values of all channels of the domain that `to` leads to \[channel, y, x\].
///
/// # Errors
/// A damaged file.
pub(super) fn all_physical(data: &TrainingData, sample: usize, card: &ModelCard, to: Direction) -> Result<Array3<f64>> {
    let channels = match to {
        Direction::ToTruth => &card.truth,
        Direction::ToMock => &card.mock,
    };
    let mut all = Array3::zeros((channels.len(), data.size[0], data.size[1]));
    for (channel, mut plane) in channels.iter().zip(all.outer_iter_mut()) {
        let field = data.physical(sample, &channel.field)?;
        plane.assign(&field.index_axis(Axis(0), channel.plane.unwrap_or(0)));
    }
    Ok(all)
}

/// The first channel of it.
///
/// # Errors
/// A damaged file.
pub(super) fn physical(data: &TrainingData, sample: usize, card: &ModelCard, to: Direction) -> Result<Array2<f64>> {
    Ok(all_physical(data, sample, card, to)?.index_axis(Axis(0), 0).to_owned())
}
