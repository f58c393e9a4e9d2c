//! Models on the disk and at work: a folder with `model.json` and a safetensors file for each direction.

use crate::error::{Error, Result};
use crate::formats::safetensors;
use crate::formats::{Staged, sha256_file};
use crate::learn::card::ModelCard;
use crate::learn::networks::Generator;
use crate::learn::scaling::ChannelScaling;
use crate::learn::settings::{Init, InitKind};
use crate::learn::train::Made;
use crate::learn::weights::{load_named, to_named, values};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::Array3;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Which way images are translated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From what the telescope sees to the simulation.
    ToTruth,
    /// The other way, of a CycleGAN.
    ToMock,
}

impl Direction {
    /// Its word, and the name of its file of weights.
    pub const fn word(self) -> &'static str {
        match self {
            Direction::ToTruth => "mock-to-truth",
            Direction::ToMock => "truth-to-mock",
        }
    }
}

/// Generators with what their channels mean.
#[derive(Debug, Clone)]
pub struct Model {
    /// Everything but the weights.
    pub card: ModelCard,
    made: Made,
    device: Device,
}

/// Name of the card in a model's folder.
pub const CARD: &str = "model.json";

impl Model {
    /// Generators on `device`.
    pub fn new(card: ModelCard, made: Made, device: &Device) -> Model {
        Model { card, made, device: device.clone() }
    }

    /// Writes it into `folder`, which is made; a model that is there is replaced: its card last, so that a half-written one
    /// is seen by the sums.
    ///
    /// # Errors
    /// A disk that does not take it.
    pub fn save(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).map_err(|e| Error::io("make", folder, e))?;
        let mut sums = BTreeMap::new();
        let both = [(Direction::ToTruth, Some(&self.made.to_truth)), (Direction::ToMock, self.made.to_mock.as_ref())];
        for (direction, network) in both {
            let Some(network) = network else { continue };
            let name = format!("{}.safetensors", direction.word());
            let metadata = BTreeMap::from([("card".to_owned(), CARD.to_owned())]);
            safetensors::write(&folder.join(&name), &to_named(network)?, &metadata)?;
            sums.insert(name.clone(), sha256_file(&folder.join(&name))?);
        }
        Staged::write_bytes(&folder.join(CARD), format!("{:#}\n", self.card.to_json(&sums)).as_bytes())
    }

    /// Reads the model in `folder`, or in the folder `model` within it, as a training leaves it. Weights whose sum the card
    /// does not give (put there by hand, as from PyTorch) are taken as they are.
    ///
    /// # Errors
    /// No model, a broken one, weights of another architecture than the card's.
    pub fn load(folder: &Path, device: &Device) -> Result<Model> {
        let inner = folder.join("model");
        let folder = if !folder.join(CARD).is_file() && inner.join(CARD).is_file() { &inner } else { folder };
        let path = folder.join(CARD);
        if !path.is_file() {
            return Err(Error::input("there is no model in this folder")
                .found(format!("no {CARD} in {}", folder.display()))
                .hint("name the folder that `skyfringe train CONFIG --out FOLDER` made"));
        }
        let text = fs::read_to_string(&path).map_err(|e| Error::io("read", &path, e))?;
        let value: Value = serde_json::from_str(&text)
            .map_err(|e| Error::input("a model's card is broken").found(e).place(path.display()))?;
        let (card, sums) = ModelCard::from_json(&value).map_err(|e| e.place(path.display()))?;
        let read = |direction: Direction| -> Result<Option<Generator>> {
            let name = format!("{}.safetensors", direction.word());
            let file = folder.join(&name);
            if !file.is_file() {
                return match sums.contains_key(&name) || direction == Direction::ToTruth {
                    true => Err(Error::input("a model lacks its weights").expected(file.display())),
                    false => Ok(None),
                };
            }
            let found = sha256_file(&file)?;
            if let Some(sum) = sums.get(&name)
                && *sum != found
            {
                return Err(Error::input("a model's weights are not those of its card")
                    .found(format!("sha256 {found}"))
                    .expected(format!("sha256 {sum}"))
                    .place(file.display())
                    .hint("the file was cut off or changed: copy it again"));
            }
            let settings = match direction {
                Direction::ToTruth => card.generator.clone(),
                Direction::ToMock => card.generator.reversed(),
            };
            // the weights are replaced below
            let first = Init { kind: InitKind::Normal, gain: 0.02 };
            let network = Generator::new(&settings, &first, 0, device).map_err(|e| e.place(path.display()))?;
            load_named(network, &safetensors::read(&file)?.0).map(Some).map_err(|e| e.place(file.display()))
        };
        let to_truth = read(Direction::ToTruth)?
            .ok_or_else(|| Error::input("a model lacks its weights").place(folder.display()))?;
        let made = Made { to_truth, to_mock: read(Direction::ToMock)? };
        Ok(Model { card, made, device: device.clone() })
    }

    /// Whether it translates this way.
    pub fn has(&self, direction: Direction) -> bool {
        direction == Direction::ToTruth || self.made.to_mock.is_some()
    }

    /// Channels of what goes in and of what comes out.
    pub fn channels(&self, direction: Direction) -> [&[ChannelScaling]; 2] {
        match direction {
            Direction::ToTruth => [&self.card.mock, &self.card.truth],
            Direction::ToMock => [&self.card.truth, &self.card.mock],
        }
    }

    /// Network values of images \[channel, y, x\] of one size, translated.
    ///
    /// # Errors
    /// A direction that the model does not have, other channels, a device that fails.
    pub fn translate(&self, direction: Direction, images: &[Array3<f32>]) -> Result<Vec<Array3<f32>>> {
        let network = match direction {
            Direction::ToTruth => &self.made.to_truth,
            Direction::ToMock => self.made.to_mock.as_ref().ok_or_else(|| {
                Error::input("this model translates in one direction alone")
                    .found(format!("a {} model asked for {}", self.card.kind.word(), direction.word()))
                    .expected(Direction::ToTruth.word())
            })?,
        };
        let Some(first) = images.first() else { return Ok(Vec::new()) };
        let (channels, height, width) = first.dim();
        let [into, out] = self.channels(direction);
        if channels != into.len() {
            return Err(Error::input("the images have other channels than the model")
                .found(format!("{channels} channels"))
                .expected(format!("{}: {}", into.len(), names(into))));
        }
        let pixels: Vec<f32> = images.iter().flat_map(|image| image.iter().copied()).collect();
        let data = TensorData::new(pixels, [images.len(), channels, height, width]);
        let made = network.forward(Tensor::<4>::from_data(data, &self.device), None);
        let made = values(made)?;
        let each = out.len() * height * width;
        let image = |values: &[f32]| {
            Array3::from_shape_vec((out.len(), height, width), values.to_vec())
                .map_err(|e| Error::input("a network made images of another size").found(e))
        };
        made.chunks_exact(each).map(image).collect()
    }
}

/// Fields of channels.
pub fn names(channels: &[ChannelScaling]) -> String {
    let name = |c: &ChannelScaling| match c.plane {
        Some(plane) => format!("{} plane {plane}", c.field),
        None => c.field.clone(),
    };
    channels.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Network values of physical images \[channel, y, x\]; a value without one (below a logarithm's end) becomes that of 0.
pub fn to_network(channels: &[ChannelScaling], physical: &Array3<f64>) -> Array3<f32> {
    Array3::from_shape_fn(physical.dim(), |(c, y, x)| {
        let u = channels[c].from_physical(physical[[c, y, x]]);
        if u.is_finite() { u } else { 0.0 }
    })
}

/// Physical images \[channel, y, x\] of network values.
pub fn to_physical(channels: &[ChannelScaling], network: &Array3<f32>) -> Array3<f64> {
    Array3::from_shape_fn(network.dim(), |(c, y, x)| channels[c].to_physical(network[[c, y, x]]))
}
