use crate::datasets::Split;
use crate::error::{Error, Result};
use crate::formats::shard::{ColumnValues, ShardReader};
use std::path::Path;

/// What a data set says of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleFacts {
    /// Name of the sample.
    pub id: String,
    /// The galaxy with its progenitors: never in two splits.
    pub group: String,
    /// Its split.
    pub split: Split,
    /// Name of its instrument.
    pub instrument: String,
    /// Whether there is a sample.
    pub ok: bool,
    /// Flux density of 1 mK in a pixel, Jy; NaN, as all numbers below, where the data set does not say: one of cubes alone
    /// has no factor, one without instruments neither noise nor beam.
    pub jy_per_pixel_per_mk: f64,
    /// Thermal noise expected in the dirty image, Jy/beam.
    pub noise_jy: f64,
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Fitted beam: FWHM of the axes and position angle (north through east), rad.
    pub beam_rad: [f64; 3],
    /// HI mass in the image, solar masses.
    pub hi_mass_msun: f64,
    /// Largest value of the dirty image without noise, Jy/beam.
    pub peak_jy: f64,
}

/// The facts of the samples of a shard, in their order.
///
/// # Errors
/// A shard that lacks a column of names, or `ok`; a split that is none.
pub(super) fn facts_of(reader: &ShardReader, path: &Path) -> Result<Vec<SampleFacts>> {
    let lacks = |name: &str| {
        Error::input("a shard lacks a column that a training needs")
            .expected(name)
            .place(path.display())
            .hint("make the data set with this version of skyfringe")
    };
    let samples = reader.header().samples;
    let numbers = |name: &str| match reader.column(name) {
        Some(ColumnValues::Number(values)) => values.clone(),
        _ => vec![f64::NAN; samples],
    };
    let texts = |name: &str| match reader.column(name) {
        Some(ColumnValues::Text(values)) => Ok(values),
        _ => Err(lacks(name)),
    };
    let Some(ColumnValues::Flag(ok)) = reader.column("ok") else { return Err(lacks("ok")) };
    let (id, group, split, instrument) = (texts("id")?, texts("group")?, texts("split")?, texts("instrument")?);
    let (factor, noise, cell) = (numbers("jy_per_pixel_per_mk"), numbers("noise_jy"), numbers("cell_deg"));
    let beam = [numbers("bmaj_deg"), numbers("bmin_deg"), numbers("bpa_deg")];
    let (mass, peak) = (numbers("hi_mass_field_msun"), numbers("peak_jy"));
    let one = |i: usize| {
        Ok(SampleFacts {
            id: id[i].clone(),
            group: group[i].clone(),
            split: Split::parse(&split[i]).map_err(|e| e.place(path.display()))?,
            instrument: instrument[i].clone(),
            ok: ok[i],
            jy_per_pixel_per_mk: factor[i],
            noise_jy: noise[i],
            cell_rad: cell[i].to_radians(),
            beam_rad: beam.each_ref().map(|axis| axis[i].to_radians()),
            hi_mass_msun: mass[i],
            peak_jy: peak[i],
        })
    };
    (0..samples).map(one).collect()
}
