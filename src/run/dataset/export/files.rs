//! The files of an export.

use super::table::{csv_head, csv_line, fields_json, json_of, sample_number};
use super::{ExportFormat, ExportRequest, Pick, Survey, is_scaled, text_attribute};
use crate::error::{Error, Result};
use crate::formats::fits::{Beam, Card, FitsCube, SpectralAxis};
use crate::formats::npy::{NpyWriter, npy_bytes};
use crate::formats::shard::{ColumnValues, ShardField, ShardReader};
use crate::formats::webdataset::TarWriter;
use crate::formats::{Attribute, Staged};
use crate::run::headers::{program, sky_axes, spectral_axis};
use crate::run::image::write_product;
use crate::units::{DEG_RAD, RaDec};
use ndarray::{ArrayD, Axis, Ix2, Ix3};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is open while samples come in.
pub(super) struct Sink<'a> {
    request: &'a ExportRequest,
    survey: &'a Survey,
    splits: BTreeMap<String, Split>,
    /// The archives of this shard.
    archives: BTreeMap<String, (TarWriter, Staged)>,
    /// Archives of each split that are complete: they are numbered without gaps, as readers list them.
    complete: BTreeMap<String, usize>,
}

/// What is open of one split.
struct Split {
    folder: PathBuf,
    table: String,
    arrays: Vec<(NpyWriter, Staged)>,
}

impl<'a> Sink<'a> {
    pub fn begin(request: &'a ExportRequest, survey: &'a Survey) -> Result<Sink<'a>> {
        let mut splits = BTreeMap::new();
        if request.format != ExportFormat::WebDataset {
            for (split, count) in &survey.counts {
                let folder = request.out.join(split);
                std::fs::create_dir_all(&folder).map_err(|e| Error::io("make the output folder", &folder, e))?;
                let array = |field: &usize| {
                    let field = &survey.header.fields[*field];
                    let staged = Staged::new(&folder.join(format!("{}.npy", field.name)))?;
                    Ok((NpyWriter::create(staged.path(), *count, &field.shape)?, staged))
                };
                let arrays = match request.format {
                    ExportFormat::Npy => survey.fields.iter().map(array).collect::<Result<Vec<_>>>()?,
                    _ => Vec::new(),
                };
                splits.insert(split.clone(), Split { folder, table: csv_head(&survey.header), arrays });
            }
        }
        Ok(Sink { request, survey, splits, archives: BTreeMap::new(), complete: BTreeMap::new() })
    }

    /// The fields of one sample, in the order of the survey.
    pub fn add(&mut self, reader: &ShardReader, pick: &Pick, values: &[ArrayD<f32>]) -> Result<()> {
        let number = sample_number(reader, pick.place);
        if let Some(split) = self.splits.get_mut(&pick.split) {
            split.table.push_str(&csv_line(reader, pick.place));
        }
        let named = self.survey.fields.iter().map(|f| &self.survey.header.fields[*f]).zip(values);
        match self.request.format {
            ExportFormat::Npy => {
                let arrays = self.splits.get_mut(&pick.split).into_iter().flat_map(|s| &mut s.arrays);
                arrays.zip(values).try_for_each(|((writer, _), values)| writer.append(values.view()))
            }
            ExportFormat::Fits => {
                let folder = self.request.out.join(&pick.split);
                for (field, values) in named {
                    let image = image(reader, pick, field, values, self.request.physical)?;
                    write_product(&folder.join(format!("{number:08}-{}.fits", field.name)), &image)?;
                }
                Ok(())
            }
            ExportFormat::WebDataset => {
                if !self.archives.contains_key(&pick.split) {
                    let number = self.complete.get(&pick.split).copied().unwrap_or(0);
                    let name = format!("{}-{number:05}.tar", pick.split);
                    let staged = Staged::new(&self.request.out.join(name))?;
                    let writer = TarWriter::create(staged.path())?;
                    self.archives.insert(pick.split.clone(), (writer, staged));
                }
                let Some((archive, _)) = self.archives.get_mut(&pick.split) else { return Ok(()) };
                for (field, values) in named {
                    archive.append(&format!("{number:08}.{}.npy", field.name), &npy_bytes(values.view()))?;
                }
                let told = json_of(reader, pick.place, &self.survey.fields, self.request.physical);
                archive.append(&format!("{number:08}.json"), told.to_string().as_bytes())
            }
        }
    }

    /// Completes what belongs to one shard.
    pub fn end_of_shard(&mut self) -> Result<()> {
        for (split, (writer, staged)) in std::mem::take(&mut self.archives) {
            writer.finish()?;
            staged.commit()?;
            *self.complete.entry(split).or_insert(0) += 1;
        }
        Ok(())
    }

    /// Completes all.
    pub fn finish(self) -> Result<()> {
        for split in self.splits.into_values() {
            for (writer, staged) in split.arrays {
                writer.finish()?;
                staged.commit()?;
            }
            Staged::write_bytes(&split.folder.join("samples.csv"), split.table.as_bytes())?;
        }
        // what undoes a scaling goes with the pixels
        if self.request.format == ExportFormat::WebDataset {
            // its samples say so themselves
            return Ok(());
        }
        let told = fields_json(&self.survey.header, &self.survey.fields, self.request.physical);
        Staged::write_bytes(&self.request.out.join("fields.json"), format!("{told:#}\n").as_bytes())
    }
}

/// A number of one sample; None where there is none.
fn number(reader: &ShardReader, name: &str, place: usize) -> Option<f64> {
    match reader.column(name) {
        Some(ColumnValues::Number(values)) => values.get(place).copied().filter(|v| v.is_finite()),
        _ => None,
    }
}

fn text<'a>(reader: &'a ShardReader, name: &str, place: usize) -> Option<&'a str> {
    match reader.column(name) {
        Some(ColumnValues::Text(values)) => values.get(place).map(String::as_str),
        _ => None,
    }
}

/// One field of one sample with its place on the sky, its channels and its beam.
fn image(
    reader: &ShardReader,
    pick: &Pick,
    field: &ShardField,
    values: &ArrayD<f32>,
    physical: bool,
) -> Result<FitsCube> {
    let place = pick.place;
    // a set of maps and cubes says of both what differs
    let number = |name: &str| {
        let of_cube = (values.ndim() == 3).then(|| number(reader, &format!("{name}_cube"), place)).flatten();
        of_cube.or_else(|| number(reader, name, place))
    };
    let told = |name: &str| {
        number(name).ok_or_else(|| {
            Error::input("a sample without its place on the sky or its frequency cannot become a FITS file")
                .found(format!("no number in column {name}"))
                .place(format!("sample {}", sample_number(reader, place)))
                .hint("--format npy and webdataset need none")
        })
    };
    let data = match values.ndim() {
        2 => values.view().into_dimensionality::<Ix2>().map(|v| v.to_owned().insert_axis(Axis(0))),
        _ => values.view().into_dimensionality::<Ix3>().map(|v| v.to_owned()),
    };
    let data = data.map_err(|e| Error::input("a field that is no image and no cube").found(e).place(&field.name))?;
    let (planes, ny, nx) = data.dim();
    let centre = RaDec::from_deg(told("ra_deg")?, told("dec_deg")?);
    let specsys = text_attribute(&reader.header().attributes, "specsys").unwrap_or_default();
    // a map of the sky has no channel; what is observed in one band has one
    let spectral = if values.ndim() == 3 {
        let (middle, step) = (told("freq_hz")?, told("channel_width_hz")?);
        let freq_hz: Vec<f64> = (0..planes).map(|k| middle + (k as f64 - 0.5 * (planes - 1) as f64) * step).collect();
        spectral_axis(&freq_hz, step.abs(), specsys)
    } else {
        match (number("freq_hz"), number("bandwidth_hz")) {
            (Some(freq), Some(width)) if field.unit.starts_with("Jy") => spectral_axis(&[freq], width, specsys),
            _ => SpectralAxis::default(),
        }
    };
    let beam = ["bmaj_deg", "bmin_deg", "bpa_deg"].map(number);
    let beams = match beam {
        [Some(major), Some(minor), Some(angle)] if field.unit.contains("beam") => {
            let [major_rad, minor_rad, angle_rad] = [major, minor, angle].map(|v| v * DEG_RAD);
            vec![Beam { major_rad, minor_rad, angle_rad }]
        }
        _ => Vec::new(),
    };
    let mut cards = vec![
        Card::int("SAMPLE", sample_number(reader, place) as i64, "number in the data set"),
        Card::text("FIELD", field.name.clone(), ""),
        Card::text("SPLIT", pick.split.clone(), ""),
    ];
    cards.extend(text(reader, "id", place).map(|id| Card::text("OBJECT", id, "")));
    let scaled = is_scaled(field) && !physical;
    if scaled {
        cards.extend(scaling_cards(field));
    }
    cards.push(Card::text("ORIGIN", program(), ""));
    Ok(FitsCube {
        data,
        sky: sky_axes(centre, nx, ny, told("cell_deg")? * DEG_RAD),
        spectral,
        stokes: "I".into(),
        // scaled values have none
        unit: if scaled { String::new() } else { field.unit.clone() },
        beams,
        cards,
    })
}

/// How physical values are got back.
fn scaling_cards(field: &ShardField) -> Vec<Card> {
    let cards = [
        ("scaling", "SCALING", "f of pixel = (f(x/s) - offset)/gain"),
        ("scaling_scale", "SCSCALE", "s, in the unit of x"),
        ("scaling_offset", "SCOFFSET", "offset"),
        ("scaling_gain", "SCGAIN", "gain"),
        ("scaling_lambda", "SCLAMBDA", "of Yeo and Johnson (2000)"),
    ];
    let mut told: Vec<Card> = cards
        .into_iter()
        .filter_map(|(name, key, comment)| {
            let (_, value) = field.attributes.iter().find(|(n, _)| n == name)?;
            Some(match value {
                Attribute::Number(v) => Card::float(key, *v, comment),
                Attribute::Integer(v) => Card::int(key, *v, comment),
                Attribute::Text(v) => Card::text(key, v.clone(), comment),
            })
        })
        .collect();
    told.push(Card::text("SCUNIT", field.unit.clone(), "unit of x"));
    told
}
