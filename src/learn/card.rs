//! What is written beside a model's weights.

use crate::error::{Error, Result};
use crate::learn::scaling::ChannelScaling;
use crate::learn::settings::{End, GeneratorKind, GeneratorSettings, ModelKind, Norm, Upsampling};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Everything about a model but its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// How it was trained.
    pub kind: ModelKind,
    /// The generator from mock to truth; that of the other direction has its channels exchanged.
    pub generator: GeneratorSettings,
    /// Channels of mocks.
    pub mock: Vec<ChannelScaling>,
    /// Channels of truths.
    pub truth: Vec<ChannelScaling>,
    /// Pixels of the images it was trained on \[y, x\].
    pub size: [usize; 2],
    /// Name of the instrument.
    pub instrument: String,
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Beam: FWHM of the axes and position angle, rad.
    pub beam_rad: [f64; 3],
    /// SHA-256 of the data set's manifest.
    pub data_sha256: String,
    /// Steps of training.
    pub step: u64,
    /// Metrics of the validation split at that step.
    pub metrics: BTreeMap<String, f64>,
    /// Version of the program.
    pub program: String,
}

/// What a card says that it is, and its version.
const FORMAT: &str = "skyfringe-model";
const VERSION: u64 = 1;

impl ModelCard {
    /// As JSON, with the sums of the weights' files.
    pub fn to_json(&self, sums: &BTreeMap<String, String>) -> Value {
        let channels = |list: &[ChannelScaling]| Value::Array(list.iter().map(ChannelScaling::to_json).collect());
        json!({
            "format": FORMAT,
            "version": VERSION,
            "program": self.program,
            "kind": self.kind.word(),
            "step": self.step,
            "metrics": self.metrics,
            "generator": generator_json(&self.generator),
            "mock": channels(&self.mock),
            "truth": channels(&self.truth),
            "size": self.size,
            "instrument": self.instrument,
            "cell_rad": self.cell_rad,
            "beam_rad": self.beam_rad,
            "data_sha256": self.data_sha256,
            "sha256": sums,
        })
    }

    /// Back from JSON, with the sums of the weights' files.
    ///
    /// # Errors
    /// Another format or version, and keys that are missing or no such values.
    pub fn from_json(value: &Value) -> Result<(ModelCard, BTreeMap<String, String>)> {
        if value["format"].as_str() != Some(FORMAT) {
            return Err(Error::input("this is no card of a model").expected(format!("format \"{FORMAT}\"")));
        }
        if value["version"].as_u64() != Some(VERSION) {
            return Err(Error::input("a model of another version")
                .found(format!("version {}", value["version"]))
                .expected(VERSION)
                .hint("read it with the version of skyfringe that wrote it"));
        }
        let text = |key: &str| value[key].as_str().map(str::to_owned).ok_or_else(|| lacks(key, &value[key]));
        let number = |key: &str| value[key].as_f64().ok_or_else(|| lacks(key, &value[key]));
        let list = |key: &str| value[key].as_array().ok_or_else(|| lacks(key, &value[key]));
        let channels = |key: &str| list(key)?.iter().map(ChannelScaling::from_json).collect::<Result<Vec<_>>>();
        let map = |key: &str| value[key].as_object().ok_or_else(|| lacks(key, &value[key]));
        let numbers = |key: &str| -> Result<Vec<f64>> {
            list(key)?.iter().map(|v| v.as_f64().ok_or_else(|| lacks(key, &value[key]))).collect()
        };
        let (size, beam) = (numbers("size")?, numbers("beam_rad")?);
        let ([height, width], [bmaj, bmin, bpa]) = (size.as_slice(), beam.as_slice()) else {
            return Err(lacks("size or beam_rad", &value["size"]));
        };
        let (mock, truth) = (channels("mock")?, channels("truth")?);
        let card = ModelCard {
            kind: ModelKind::parse(&text("kind")?)?,
            generator: generator(map("generator")?, mock.len(), truth.len())?,
            mock,
            truth,
            size: [*height as usize, *width as usize],
            instrument: text("instrument")?,
            cell_rad: number("cell_rad")?,
            beam_rad: [*bmaj, *bmin, *bpa],
            data_sha256: text("data_sha256")?,
            step: value["step"].as_u64().ok_or_else(|| lacks("step", &value["step"]))?,
            metrics: map("metrics")?.iter().filter_map(|(name, v)| Some((name.clone(), v.as_f64()?))).collect(),
            program: text("program")?,
        };
        let sums = map("sha256")?.iter().filter_map(|(name, v)| Some((name.clone(), v.as_str()?.to_owned()))).collect();
        Ok((card, sums))
    }
}

fn lacks(key: &str, found: &Value) -> Error {
    Error::input("a model's card lacks a value").expected(key).found(found.to_string())
}

fn generator_json(settings: &GeneratorSettings) -> Value {
    let (kind, number) = match settings.kind {
        GeneratorKind::Resnet { blocks } => ("resnet", blocks),
        GeneratorKind::Unet { depth } => ("unet", depth),
        GeneratorKind::AttentionUnet { depth } => ("attention-unet", depth),
    };
    let (norm, groups) = match settings.norm {
        Norm::Instance => ("instance", 0),
        Norm::InstanceAffine => ("instance-affine", 0),
        Norm::Group(groups) => ("group", groups),
        Norm::None => ("none", 0),
    };
    json!({
        "kind": kind, "blocks_or_depth": number, "width": settings.width, "norm": norm, "groups": groups,
        "up": if settings.up == Upsampling::Resize { "resize" } else { "transposed" },
        "end": if settings.end == End::Linear { "linear" } else { "tanh" },
        "skip": settings.skip, "dropout": settings.dropout,
    })
}

fn generator(value: &Map<String, Value>, input: usize, output: usize) -> Result<GeneratorSettings> {
    let get = |key: &str| value.get(key).unwrap_or(&Value::Null);
    let whole = |key: &str| get(key).as_u64().map(|n| n as usize).ok_or_else(|| lacks(key, get(key)));
    let word = |key: &str| get(key).as_str().unwrap_or_default();
    let number = whole("blocks_or_depth")?;
    let kind = match word("kind") {
        "resnet" => GeneratorKind::Resnet { blocks: number },
        "unet" => GeneratorKind::Unet { depth: number },
        "attention-unet" => GeneratorKind::AttentionUnet { depth: number },
        _ => return Err(lacks("generator.kind: resnet, unet or attention-unet", get("kind"))),
    };
    let norm = match word("norm") {
        "instance" => Norm::Instance,
        "instance-affine" => Norm::InstanceAffine,
        "group" => Norm::Group(whole("groups")?),
        "none" => Norm::None,
        _ => return Err(lacks("generator.norm: instance, instance-affine, group or none", get("norm"))),
    };
    let up = match word("up") {
        "resize" => Upsampling::Resize,
        "transposed" => Upsampling::Transposed,
        _ => return Err(lacks("generator.up: transposed or resize", get("up"))),
    };
    let end = match word("end") {
        "linear" => End::Linear,
        "tanh" => End::Tanh,
        _ => return Err(lacks("generator.end: tanh or linear", get("end"))),
    };
    Ok(GeneratorSettings {
        kind,
        input,
        output,
        width: whole("width")?,
        norm,
        up,
        end,
        skip: get("skip").as_bool().ok_or_else(|| lacks("generator.skip", get("skip")))?,
        dropout: get("dropout").as_f64().ok_or_else(|| lacks("generator.dropout", get("dropout")))?,
    })
}
