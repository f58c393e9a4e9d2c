//! `evaluate`: a model beside classical ways, in numbers and pictures.

use super::judge::{all_physical, physical, translated};
use super::sheet::{Tile, sheet};
use super::tables::{Evaluation, Method, Row};
use crate::datasets::Split;
use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::learn::baselines::{Wiener, WienerBuilder, from_beam};
use crate::learn::data::{DataRequest, TrainingData};
use crate::learn::device::{DeviceChoice, guarded, pick};
use crate::learn::metrics::{Case, Convolution, Curves, Features, Measurer, Numbers, chi_squared};
use crate::learn::model::{Direction, Model, names, to_network, to_physical};
use crate::run::Progress;
use crate::run::image::memory;
use crate::run::sky::make_folder;
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use std::path::PathBuf;

/// The words of `evaluate`.
#[derive(Debug, Clone)]
pub struct EvaluateRequest {
    /// Folder of a model, or of a training.
    pub model: PathBuf,
    /// Folder of a data set.
    pub dataset: PathBuf,
    /// Folder for the products.
    pub out: PathBuf,
    /// "train", "validation" or "test".
    pub split: String,
    /// At most so many samples; None: all.
    pub samples: Option<usize>,
    /// auto, cpu, gpu, gpu:N.
    pub device: String,
    /// Of the bootstrap.
    pub seed: u64,
}

/// Draws of the bootstrap.
pub(super) const DRAWS: u32 = 1000;
/// Rows of the sheet.
const SHOWN: usize = 6;
/// Samples translated between two looks at the clock.
const BLOCK: usize = 32;

/// What judges every image of the data set.
struct Judges {
    data: TrainingData,
    model: Model,
    measurer: Measurer,
    psf: Option<Convolution>,
    wiener: Option<Wiener>,
    features: Features,
    /// mK, of which the data set knows the flux, in a unit of the truth.
    mk: f64,
}

/// `evaluate`.
///
/// # Errors
/// A broken model; a data set that lacks the model's fields, or has others units or pixels.
pub fn evaluate(request: &EvaluateRequest, progress: &dyn Progress) -> Result<String> {
    let picked = pick(DeviceChoice::parse(&request.device)?)?;
    if let Some(warning) = &picked.warning {
        progress.note(warning);
    }
    let split = Split::parse(&request.split)?;
    let model = guarded(|| Model::load(&request.model, &picked.device))??;
    let _folder = make_folder(&request.out)?;
    let watch = progress.stage("reading", 1);
    let data = open(&model, request, &watch)?;
    compare(&model, &data, request, progress)?;
    let all = data.samples(split);
    let chosen = all[..request.samples.unwrap_or(all.len()).min(all.len())].to_vec();
    if chosen.is_empty() {
        return Err(Error::input("the split has no samples")
            .found(split.word())
            .place(request.dataset.display())
            .hint("--split names another"));
    }
    let judges = Judges::new(data, model, progress)?;
    let watch = progress.stage("evaluating", chosen.len() as u64);
    let mut rows: Vec<Row> = Vec::new();
    for block in chosen.chunks(BLOCK) {
        let made = guarded(|| translated(&judges.model, &judges.data, block))??;
        let cycled = guarded(|| judges.cycle(block, &made))??;
        let some = block
            .par_iter()
            .zip(made)
            .zip(cycled)
            .map(|((sample, made), cycle)| judges.row(*sample, &made, cycle))
            .collect::<Result<Vec<Row>>>()?;
        rows.extend(some);
        watch.advance(block.len() as u64)?;
    }
    let evaluation = Evaluation::of(&judges.model.card, &judges.measurer, rows, split, request)?;
    let out = &request.out;
    Staged::write_bytes(&out.join("evaluation.json"), evaluation.json().as_bytes())?;
    let shown = spread(&chosen, &judges.data);
    let pictures = sheet(&judges.pictures(&shown)?, "Mocks, translations, truths", &evaluation.title()).render()?;
    Staged::write_bytes(&out.join("samples.png"), &pictures)?;
    let curves = evaluation.figure().render()?;
    Staged::write_bytes(&out.join("spectra.png"), &curves)?;
    Staged::write_bytes(&out.join("evaluation.html"), evaluation.html(&curves, &pictures).as_bytes())?;
    Ok(format!("{}\nproducts: {}\n", evaluation.table(), out.display()))
}

/// The data set with the fields of the model.
fn open(model: &Model, request: &EvaluateRequest, watch: &crate::error::Watch) -> Result<TrainingData> {
    let fields = |direction: Direction| {
        let mut fields: Vec<String> = model.channels(direction)[0].iter().map(|c| c.field.clone()).collect();
        fields.dedup();
        fields
    };
    let wanted = DataRequest {
        mock: fields(Direction::ToTruth),
        truth: fields(Direction::ToMock),
        instrument: None,
        memory_bytes: memory::default_bytes() / 2,
    };
    match TrainingData::open(&request.dataset, &wanted, watch) {
        // the model's instrument where there are several
        Err(_) => {
            let wanted = DataRequest { instrument: Some(model.card.instrument.clone()), ..wanted };
            TrainingData::open(&request.dataset, &wanted, watch)
        }
        data => data,
    }
    .map_err(|e| e.place(request.dataset.display()))
}

/// Whether model and data set speak of the same things. Another scaling of the stored pixels is no matter: models see
/// physical values through their own.
fn compare(model: &Model, data: &TrainingData, request: &EvaluateRequest, progress: &dyn Progress) -> Result<()> {
    let card = &model.card;
    for (of_model, of_data) in [(&card.mock, &data.a), (&card.truth, &data.b)] {
        let same = of_model.len() == of_data.len()
            && of_model.iter().zip(of_data).all(|(m, d)| m.field == d.field && m.plane == d.plane && m.unit == d.unit);
        if !same {
            let words = |list: &[crate::learn::scaling::ChannelScaling]| {
                let units: Vec<&str> = list.iter().map(|c| c.unit.as_str()).collect();
                format!("{} in {}", names(list), units.join(", "))
            };
            return Err(Error::input("the data set has other channels than the model")
                .found(words(of_data))
                .expected(words(of_model))
                .place(request.dataset.display()));
        }
        for (m, d) in of_model.iter().zip(of_data).filter(|(m, d)| m.scaling.kind != d.scaling.kind) {
            progress.note(&format!(
                "{}: the data set stores it by {}, the model was trained on {}; it sees physical values through its own",
                m.field,
                d.scaling.kind.word(),
                m.scaling.kind.word()
            ));
        }
    }
    let cell = data.facts(data.samples(Split::Train)[0]).cell_rad;
    if (cell / card.cell_rad - 1.0).abs() > 0.01 {
        return Err(Error::input("the data set has other pixels than the model")
            .found(format!("{:.4} arcsec", cell.to_degrees() * 3600.0))
            .expected(format!("{:.4} arcsec", card.cell_rad.to_degrees() * 3600.0))
            .place(request.dataset.display()));
    }
    if data.checksum() != card.data_sha256 {
        progress
            .note("this is not the data set that the model was trained on: its test split may hold training galaxies");
    }
    Ok(())
}

impl Judges {
    fn new(data: TrainingData, model: Model, progress: &dyn Progress) -> Result<Judges> {
        let facts = data.facts(data.samples(Split::Train)[0]).clone();
        let channel = &model.card.truth[0];
        let fwhm_rad = (facts.beam_rad[0] * facts.beam_rad[1]).sqrt();
        let measurer = Measurer::new(data.size, facts.cell_rad, fwhm_rad, channel);
        let mk = match channel.unit.as_str() {
            "mK" => 1.0,
            "K" => 1000.0,
            unit => {
                return Err(Error::input("only models of brightness temperatures can be evaluated")
                    .found(format!("truths {} in {unit}", channel.field))
                    .expected("a field in mK or K, as tb"));
            }
        };
        let psf = data.widest_psf().map(|psf| Convolution::new(psf.mapv(f64::from).view()));
        let mut judges = Judges { data, model, measurer, psf, wiener: None, features: Features::default(), mk };
        judges.wiener = judges.wiener(facts.jy_per_pixel_per_mk, facts.noise_jy, progress)?;
        Ok(judges)
    }

    /// The filter of the training split's mean spectra.
    fn wiener(&self, jy_per_pixel_per_mk: f64, noise_jy: f64, progress: &dyn Progress) -> Result<Option<Wiener>> {
        let Some(psf) = self.data.widest_psf().filter(|_| self.data.has("dirty")) else {
            progress.note("no Wiener filter: the data set holds no PSF or no field dirty");
            return Ok(None);
        };
        let train = self.data.samples(Split::Train);
        let watch = progress.stage("Wiener filter", train.len() as u64);
        let mut builder = WienerBuilder::new(psf.mapv(f64::from).view(), self.data.size);
        for sample in train {
            builder.add_sky(physical(&self.data, *sample, &self.model.card, Direction::ToTruth)?.view());
            if self.data.has("noise-free") {
                let noise = self.plane(*sample, "dirty")? - self.plane(*sample, "noise-free")?;
                builder.add_noise(noise.view());
            }
            watch.advance(1)?;
        }
        Ok(Some(builder.finish(jy_per_pixel_per_mk * self.mk, noise_jy)))
    }

    /// The first plane of a field.
    fn plane(&self, sample: usize, field: &str) -> Result<Array2<f64>> {
        Ok(self.data.physical(sample, field)?.index_axis(Axis(0), 0).to_owned())
    }

    /// Mean |F(G(a)) - a| in network units, of a model of both directions.
    fn cycle(&self, samples: &[usize], made: &[Array3<f64>]) -> Result<Vec<Option<f64>>> {
        if !self.model.has(Direction::ToMock) {
            return Ok(vec![None; samples.len()]);
        }
        let card = &self.model.card;
        let images: Vec<Array3<f32>> = made.iter().map(|image| to_network(&card.truth, image)).collect();
        let back = self.model.translate(Direction::ToMock, &images)?;
        let one = |(sample, back): (&usize, Array3<f32>)| {
            let mock = to_network(&card.mock, &all_physical(&self.data, *sample, card, Direction::ToMock)?);
            let sum: f64 = back.iter().zip(&mock).map(|(b, m)| f64::from((b - m).abs())).sum();
            Ok(Some(sum / back.len() as f64))
        };
        samples.iter().zip(back).map(one).collect()
    }

    /// The methods' images of a sample, brightness temperatures in the truth's unit.
    fn images(&self, sample: usize, made: &Array3<f64>) -> Result<Vec<(Method, Array2<f64>)>> {
        let facts = self.data.facts(sample);
        let per_unit = facts.jy_per_pixel_per_mk * self.mk;
        let beam = [facts.beam_rad[0], facts.beam_rad[1]];
        let card = &self.model.card;
        let mut images = vec![(Method::Translated, made.index_axis(Axis(0), 0).to_owned())];
        if self.data.has("dirty") {
            let dirty = self.plane(sample, "dirty")?;
            images.push((Method::Dirty, from_beam(dirty.view(), beam, facts.cell_rad, per_unit)));
            if let Some(wiener) = &self.wiener {
                images.push((Method::Wiener, wiener.apply(dirty.view())));
            }
        }
        if self.data.has("restored") {
            let restored = self.plane(sample, "restored")?;
            images.push((Method::Clean, from_beam(restored.view(), beam, facts.cell_rad, per_unit)));
        }
        if card.mock.len() == card.truth.len() {
            let mock = to_network(&card.mock, &all_physical(&self.data, sample, card, Direction::ToMock)?);
            let same = to_physical(&card.truth, &mock);
            images.push((Method::Identity, same.index_axis(Axis(0), 0).to_owned()));
        }
        Ok(images)
    }

    /// All numbers of a sample.
    fn row(&self, sample: usize, made: &Array3<f64>, cycle: Option<f64>) -> Result<Row> {
        let facts = self.data.facts(sample);
        let truth = physical(&self.data, sample, &self.model.card, Direction::ToTruth)?;
        let features = |image: &Array2<f64>| self.features.of(self.measurer.stretched(image.view()).view());
        let mut methods = Vec::new();
        for (method, image) in self.images(sample, made)? {
            let (mut numbers, curves): (Numbers, Curves) =
                self.measurer.measure(Case { made: image.view(), truth: truth.view() });
            if let Some(psf) = self.psf.as_ref().filter(|_| self.data.has("dirty")) {
                let mock = self.plane(sample, "dirty")?;
                let factor = facts.jy_per_pixel_per_mk * self.mk;
                let chi2 = chi_squared(psf, image.view(), factor, mock.view(), facts.noise_jy);
                numbers.insert("chi_squared", chi2);
            }
            if let (Method::Translated, Some(cycle)) = (method, cycle) {
                numbers.insert("cycle_error", cycle);
            }
            methods.push((method, numbers, curves, features(&image)));
        }
        Ok(Row {
            id: facts.id.clone(),
            group: facts.group.clone(),
            hi_mass_msun: facts.hi_mass_msun,
            methods,
            truth: features(&truth),
        })
    }

    /// Rows of the sheet.
    fn pictures(&self, samples: &[usize]) -> Result<Vec<Vec<Tile>>> {
        let made = guarded(|| translated(&self.model, &self.data, samples))??;
        let card = &self.model.card;
        let mut rows = Vec::new();
        for (sample, made) in samples.iter().zip(&made) {
            let truth = physical(&self.data, *sample, card, Direction::ToTruth)?;
            let peak = Some(truth.iter().fold(0.0f64, |m, v| m.max(*v)));
            let tile =
                |title: &str, values, unit: &str, peak| Tile { title: title.into(), values, unit: unit.into(), peak };
            let mock = physical(&self.data, *sample, card, Direction::ToMock)?;
            let mut row = vec![tile("Mock", mock, &card.mock[0].unit, None)];
            for (method, image) in self.images(*sample, made)? {
                if matches!(method, Method::Translated | Method::Wiener | Method::Clean) {
                    row.push(tile(method.title(), image, &card.truth[0].unit, peak));
                }
            }
            row.push(tile("Truth", truth, &card.truth[0].unit, peak));
            rows.push(row);
        }
        Ok(rows)
    }
}

/// Samples from the faintest to the brightest.
fn spread(samples: &[usize], data: &TrainingData) -> Vec<usize> {
    let mut sorted = samples.to_vec();
    let snr = |s: &usize| data.facts(*s).peak_jy / data.facts(*s).noise_jy;
    sorted.sort_by(|a, b| snr(a).total_cmp(&snr(b)));
    let count = SHOWN.min(sorted.len());
    (0..count).map(|i| sorted[(2 * i + 1) * sorted.len() / (2 * count)]).collect()
}
