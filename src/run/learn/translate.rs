//! `translate`: models at work on FITS files and shards of data sets.

use crate::datasets::Scaling;
use crate::error::{Error, Result, Watch};
use crate::formats::fits::{Beam, Card, FitsCube, read_cube, write_cube};
use crate::formats::shard::{Compression, ShardField, ShardReader, ShardWriter, shard_summary};
use crate::formats::{Attribute, Staged};
use crate::learn::data::Turn;
use crate::learn::device::{DeviceChoice, guarded, pick};
use crate::learn::model::{Direction, Model, names, to_network, to_physical};
use crate::learn::scaling::ChannelScaling;
use crate::learn::tiles::Tiles;
use crate::run::Progress;
use crate::run::sky::make_folder;
use ndarray::{Array3, ArrayD, Axis, Ix2, Ix3};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The words of `translate`.
#[derive(Debug, Clone)]
pub struct TranslateRequest {
    /// Folder of a model, or of a training.
    pub model: PathBuf,
    /// FITS files or shards.
    pub inputs: Vec<PathBuf>,
    /// Folder for the products.
    pub out: PathBuf,
    /// The way.
    pub direction: Direction,
    /// Pixels of tiles; None: those of the model's training.
    pub tile: Option<usize>,
    /// Pixels that tiles share; None: a quarter of a tile.
    pub overlap: Option<usize>,
    /// Further models, whose mean and scatter are written.
    pub ensemble: Vec<PathBuf>,
    /// Whether the eight turns and mirror images of an input are translated too.
    pub turns: bool,
    /// auto, cpu, gpu, gpu:N.
    pub device: String,
}

/// Tiles translated at once.
const AT_ONCE: usize = 8;

/// `translate`.
///
/// # Errors
/// Broken models, inputs of another kind, unit or number of channels.
pub fn translate(request: &TranslateRequest, progress: &dyn Progress) -> Result<String> {
    let picked = pick(DeviceChoice::parse(&request.device)?)?;
    if let Some(warning) = &picked.warning {
        progress.note(warning);
    }
    let folders = std::iter::once(&request.model).chain(&request.ensemble);
    let models = folders.map(|f| guarded(|| Model::load(f, &picked.device))?).collect::<Result<Vec<Model>>>()?;
    let work = Work::new(request, models)?;
    let mut seen = BTreeSet::new();
    for input in &request.inputs {
        let name = input.file_name().ok_or_else(|| Error::input("this input is no file").found(input.display()))?;
        if !seen.insert(name) {
            return Err(Error::input("two inputs have one name")
                .found(input.display())
                .hint("translate them into different folders"));
        }
        if same_file(input, &request.out.join(name)) {
            return Err(Error::input("a product would replace its input")
                .found(input.display())
                .hint("choose another --out"));
        }
    }
    let _folder = make_folder(&request.out)?;
    let watch = progress.stage("translating", request.inputs.len() as u64);
    let mut text = String::new();
    for input in &request.inputs {
        for warning in work.file(input, &watch).map_err(|e| e.place(input.display()))? {
            progress.note(&format!("{}: {warning}", input.display()));
        }
        text.push_str(&format!("{}\n", request.out.join(input.file_name().unwrap_or_default()).display()));
        watch.advance(1)?;
    }
    Ok(text)
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// Models and how they are used.
struct Work<'a> {
    request: &'a TranslateRequest,
    models: Vec<Model>,
    tiles: Tiles,
}

/// Mean and scatter of an ensemble, physical \[channel, y, x\].
struct Made {
    mean: Array3<f64>,
    sigma: Option<Array3<f64>>,
}

impl<'a> Work<'a> {
    fn new(request: &'a TranslateRequest, models: Vec<Model>) -> Result<Work<'a>> {
        let first = &models[0];
        for (model, folder) in models.iter().zip(std::iter::once(&request.model).chain(&request.ensemble)) {
            if !model.has(request.direction) {
                return Err(Error::input("this model translates in one direction alone")
                    .found(format!("--direction {} of a {} model", request.direction.word(), model.card.kind.word()))
                    .expected(format!("--direction {}", Direction::ToTruth.word()))
                    .place(folder.display()));
            }
            let units = |model: &Model, side: usize| -> Vec<(String, Option<usize>)> {
                model.channels(request.direction)[side].iter().map(|c| (c.unit.clone(), c.plane)).collect()
            };
            if (0..2).any(|side| units(model, side) != units(first, side)) {
                return Err(Error::input("the models of an ensemble have different channels")
                    .found(names(model.channels(request.direction)[0]))
                    .expected(names(first.channels(request.direction)[0]))
                    .place(folder.display()));
            }
        }
        let side = request.tile.unwrap_or(first.card.size[0].max(first.card.size[1]));
        let overlap = request.overlap.unwrap_or(side / 4);
        if overlap >= side {
            return Err(Error::input("tiles cannot overlap by more than themselves")
                .found(format!("--overlap {overlap}"))
                .expected(format!("below --tile {side}")));
        }
        Ok(Work { request, models, tiles: Tiles { side, overlap } })
    }

    fn channels(&self) -> [&[ChannelScaling]; 2] {
        self.models[0].channels(self.request.direction)
    }

    /// Translates a file; returns what the user should know.
    fn file(&self, input: &Path, watch: &Watch) -> Result<Vec<String>> {
        match input.extension().and_then(|e| e.to_str()) {
            Some("fits" | "fit" | "FITS") => self.fits(input),
            Some("h5" | "hdf5") => self.shard(input, watch).map(|()| Vec::new()),
            _ => Err(Error::input("this is no file that can be translated")
                .found(input.display())
                .expected("FITS (.fits), or a shard of a data set (.h5)")),
        }
    }

    fn fits(&self, input: &Path) -> Result<Vec<String>> {
        let cube = read_cube(input)?;
        let [into, out] = self.channels();
        let factor = factor(&cube.unit, &into[0].unit)?;
        let mut warnings = Vec::new();
        let card = &self.models[0].card;
        let percent = |a: f64, b: f64| (100.0 * (a / b - 1.0)).abs();
        if percent(cube.sky.step_y_rad.abs(), card.cell_rad) > 1.0 {
            let arcsec = |rad: f64| rad.to_degrees() * 3600.0;
            warnings.push(format!(
                "pixels of {:.3} arcsec, the model was trained on {:.3}",
                arcsec(cube.sky.step_y_rad.abs()),
                arcsec(card.cell_rad)
            ));
        }
        if self.request.direction == Direction::ToTruth
            && let Some(beam) = cube.beams.first()
            && (percent(beam.major_rad, card.beam_rad[0]) > 5.0 || percent(beam.minor_rad, card.beam_rad[1]) > 5.0)
        {
            warnings.push("another beam than the model was trained on".to_owned());
        }
        let planes = cube.data.len_of(Axis(0));
        let physical = cube.data.mapv(|v| f64::from(v) * factor);
        let groups: Vec<Array3<f64>> = match into.len() {
            1 => physical.outer_iter().map(|plane| plane.insert_axis(Axis(0)).to_owned()).collect(),
            n if n == planes => vec![physical],
            n => {
                return Err(Error::input("the file has other channels than the model")
                    .found(format!("{planes} planes"))
                    .expected(format!("{n}: {}", names(into))));
            }
        };
        let made = groups.iter().map(|image| self.image(image)).collect::<Result<Vec<Made>>>()?;
        let name = input.file_name().unwrap_or_default();
        let target = self.request.out.join(name);
        let mean: Vec<_> = made.iter().map(|m| m.mean.view()).collect();
        self.write(&target, &cube, &mean, &out[0].unit, "")?;
        let sigmas: Vec<_> = made.iter().filter_map(|m| m.sigma.as_ref().map(|s| s.view())).collect();
        if !sigmas.is_empty() {
            let stem = input.file_stem().and_then(|s| s.to_str()).unwrap_or("translated");
            let target = self.request.out.join(format!("{stem}-sigma.fits"));
            self.write(&target, &cube, &sigmas, &out[0].unit, "standard deviation of the ensemble")?;
        }
        Ok(warnings)
    }

    fn write(
        &self,
        target: &Path,
        like: &FitsCube,
        planes: &[ndarray::ArrayView3<f64>],
        unit: &str,
        what: &str,
    ) -> Result<()> {
        let data = ndarray::concatenate(Axis(0), planes)
            .map_err(|e| Error::input("translated planes differ in size").found(e))?
            .mapv(|v| v as f32);
        let mut cards: Vec<Card> =
            like.cards.iter().filter(|c| !matches!(c.key.as_str(), "DATAMIN" | "DATAMAX" | "BTYPE")).cloned().collect();
        let card = &self.models[0].card;
        cards.push(Card::text("SFMODEL", card.kind.word(), "model that made these pixels"));
        cards.push(Card::int("SFSTEP", card.step as i64, "steps of its training"));
        cards.push(Card::text(
            "SFDATA",
            &card.data_sha256[..card.data_sha256.len().min(16)],
            "sha256 of its data set (begin)",
        ));
        cards.push(Card::history(format!("skyfringe translate {}", self.request.direction.word())));
        if !what.is_empty() {
            cards.push(Card::history(what));
        }
        let beams = match self.request.direction {
            Direction::ToTruth => Vec::new(),
            Direction::ToMock => {
                let [major_rad, minor_rad, angle_rad] = card.beam_rad;
                vec![Beam { major_rad, minor_rad, angle_rad }]
            }
        };
        let cube = FitsCube { data, unit: unit.to_owned(), beams, cards, ..like.clone() };
        write_cube(target, &cube)
    }

    /// A shard becomes one of the same samples with what the model makes of them, in physical values.
    fn shard(&self, input: &Path, watch: &Watch) -> Result<()> {
        if shard_summary(input)?.is_none() {
            return Err(Error::input("this HDF5 file is no shard of a data set")
                .found(input.display())
                .expected("a file that `skyfringe dataset build` made, or FITS"));
        }
        let reader = ShardReader::open(input)?;
        let [into, out] = self.channels();
        let mut header = reader.header().clone();
        let shape = |planes: usize, like: &[usize]| {
            let (height, width) = (like[like.len() - 2], like[like.len() - 1]);
            if planes == 1 { vec![height, width] } else { vec![planes, height, width] }
        };
        let field = reader.field(&into[0].field)?;
        let like = header.fields[field].shape.clone();
        let unit = header.fields[field].unit.clone();
        let factor = factor(&unit, &into[0].unit)?;
        let description = format!("{} by a {} model", self.request.direction.word(), self.models[0].card.kind.word());
        let mut attributes: Vec<(String, Attribute)> =
            Scaling::NONE.attributes().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        attributes.push(("description".to_owned(), Attribute::Text(description)));
        let name = format!("{}-translated", out[0].field);
        let translated =
            ShardField { name: name.clone(), shape: shape(out.len(), &like), unit: out[0].unit.clone(), attributes };
        let ensemble = self.models.len() > 1 || self.request.turns;
        let sigma = ShardField { name: format!("{name}-sigma"), ..translated.clone() };
        header.fields = if ensemble { vec![translated, sigma] } else { vec![translated] };
        let target = self.request.out.join(input.file_name().unwrap_or_default());
        let staged = Staged::new(&target)?;
        let mut writer = ShardWriter::create(staged.path(), &header, Compression::default())?;
        for sample in 0..header.samples {
            let made = self.image(&sampled(&reader, into, sample, factor)?)?;
            let images = std::iter::once(made.mean).chain(made.sigma);
            for (number, image) in images.enumerate() {
                let image = image.mapv(|v| v as f32);
                let image: ArrayD<f32> =
                    if out.len() == 1 { image.index_axis(Axis(0), 0).to_owned().into_dyn() } else { image.into_dyn() };
                writer.put(number, sample, image.view())?;
            }
            watch.check()?;
        }
        writer.put_columns(reader.columns().to_vec())?;
        writer.finish()?;
        staged.commit()
    }

    /// A physical image \[channel, y, x\] translated by all models, as it lies and turned.
    fn image(&self, physical: &Array3<f64>) -> Result<Made> {
        let turns: Vec<Turn> = if self.request.turns { Turn::all().collect() } else { vec![Turn::NONE] };
        let mut all: Vec<Array3<f64>> = Vec::new();
        for model in &self.models {
            let [into, out] = model.channels(self.request.direction);
            let network = to_network(into, physical);
            for turn in &turns {
                let turned = turned(&network, *turn);
                let made = guarded(|| {
                    self.tiles.each(&turned, AT_ONCE, |tiles| model.translate(self.request.direction, tiles))
                })??;
                all.push(to_physical(out, &self::turned(&made, turn.inverse())));
            }
        }
        let count = all.len() as f64;
        let mut mean = Array3::zeros(all[0].dim());
        for image in &all {
            mean += &(image / count);
        }
        let sigma = (all.len() > 1).then(|| {
            let mut sum = Array3::<f64>::zeros(mean.dim());
            for image in &all {
                sum += &(image - &mean).mapv(|d| d * d);
            }
            sum.mapv(|s| (s / (count - 1.0)).sqrt())
        });
        Ok(Made { mean, sigma })
    }
}

fn turned(image: &Array3<f32>, turn: Turn) -> Array3<f32> {
    let planes: Vec<_> = image.outer_iter().map(|plane| turn.image(plane)).collect();
    let (height, width) = planes.first().map_or((0, 0), |p| p.dim());
    let mut out = Array3::zeros((planes.len(), height, width));
    for (mut to, from) in out.outer_iter_mut().zip(planes) {
        to.assign(&from);
    }
    out
}

/// Physical values of the model's channels of a sample of a shard.
fn sampled(reader: &ShardReader, into: &[ChannelScaling], sample: usize, factor: f64) -> Result<Array3<f64>> {
    let mut planes = Vec::new();
    for channel in into {
        let place = reader.field(&channel.field)?;
        let described = &reader.header().fields[place];
        let attribute =
            |name: &str| described.attributes.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone());
        let scaling = Scaling::from_attributes(attribute)?;
        let stored = reader.read(place, sample)?;
        let plane = match channel.plane {
            None => stored.into_dimensionality::<Ix2>(),
            Some(plane) => stored.into_dimensionality::<Ix3>().map(|cube| cube.index_axis(Axis(0), plane).to_owned()),
        };
        let plane =
            plane.map_err(|_| Error::input("a field has another shape than the model's").found(&channel.field))?;
        planes.push(plane.mapv(|y| factor * scaling.invert(f64::from(y))));
    }
    let views: Vec<_> = planes.iter().map(|p| p.view().insert_axis(Axis(0))).collect();
    ndarray::concatenate(Axis(0), &views).map_err(|e| Error::input("fields of a shard differ in size").found(e))
}

/// What values in `found` are multiplied by to be in `wanted`.
fn factor(found: &str, wanted: &str) -> Result<f64> {
    let plain = |unit: &str| unit.trim().replace(' ', "").to_lowercase();
    match (plain(found).as_str(), plain(wanted).as_str()) {
        (a, b) if a == b => Ok(1.0),
        ("k", "mk") => Ok(1e3),
        ("mk", "k") => Ok(1e-3),
        _ => Err(Error::input("the input has another unit than the model's")
            .found(format!("\"{found}\""))
            .expected(format!("\"{wanted}\""))
            .hint("--direction truth-to-mock goes the other way, of a CycleGAN")),
    }
}
