use super::positive;
use super::sky::read_filter;
use crate::datasets::{Field, Observed};
use crate::error::{Error, Result};
use crate::formats::config::{Document, Section};
use crate::sky::maps::ViewSet;
use crate::sky::snapshot::SubhaloFilter;
use crate::units::{BoxLength, Dimension, parse_box_lengths};
use std::path::PathBuf;

/// Which galaxies a data set is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum GalaxyChoice {
    /// So many of the built-in maker, of the order `sky.galaxy`.
    Made(usize),
    /// Every file *.hdf5 and *.h5 of a folder, by name; each is one galaxy.
    Cutouts(PathBuf),
    /// Spheres of `sky.snapshot`: centre and radius.
    Regions(Vec<([BoxLength; 3], BoxLength)>),
    /// Subhalos of a group catalogue of `sky.snapshot`.
    Subhalos {
        /// The folder groups_* or one file fof_subhalo_tab_*.hdf5.
        catalogue: PathBuf,
        /// TNG's offsets file.
        offsets: Option<PathBuf>,
        /// Only those of these numbers; `None`: all that `filter` lets pass.
        numbers: Option<Vec<u64>>,
        /// Ranges of mass.
        filter: SubhaloFilter,
    },
    /// The rows of a table (CSV).
    List(PathBuf),
}

/// Shares of the splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitSettings {
    /// Of training, validation and test.
    pub fractions: [f64; 3],
    /// Ranges of HI mass, of equally many galaxies, that are each split so.
    pub strata: usize,
}

/// How a field's pixels are stretched.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldScaling {
    /// The field.
    pub field: Field,
    /// none, log, asinh or yeo-johnson.
    pub word: String,
    /// Where it stands.
    pub place: String,
}

/// `[dataset]`: many mock observations beside what they observe.
#[derive(Debug, Clone, PartialEq)]
pub struct DatasetSettings {
    /// Of what; `None` where nothing says so.
    pub galaxies: Option<GalaxyChoice>,
    /// Orientations of each galaxy.
    pub views: Vec<ViewSet>,
    /// Noise realisations of each orientation and instrument.
    pub realisations: usize,
    /// What a sample holds.
    pub fields: Vec<Field>,
    /// Width of the band that maps of the observed line are averaged over, Hz.
    pub bandwidth_hz: Option<f64>,
    /// Samples of a shard; `None`: whole galaxies in about 128 MiB.
    pub shard_samples: Option<usize>,
    /// Seed of orientations, noise, splits and the draw that scalings are fitted to.
    pub seed: u64,
    /// Splits.
    pub split: SplitSettings,
    /// Stretches; fields that are not there are not stretched.
    pub scaling: Vec<FieldScaling>,
    /// Training samples that scalings are fitted to.
    pub fit_samples: usize,
    /// Level of compression, 0: none.
    pub compression: u8,
    /// Power of the primary beam below which corrected images are 0.
    pub pb_limit: f64,
    /// Summed flux over the dirty peak that PSFs are planned for; `None`: found on a few galaxies.
    pub flux_over_peak: Option<f64>,
    /// Instruments: name, and `table.key=value` changes of the configuration.
    pub instruments: Vec<(String, Vec<String>)>,
}

/// Level of compression where the configuration does not say.
const COMPRESSION: u8 = 1;

pub(super) fn read(document: &Document) -> Result<Option<DatasetSettings>> {
    let s = document.section("dataset")?;
    let galaxies = read_galaxies(&s)?;
    let views = match s.text("orientations")? {
        None => vec![ViewSet::Random { count: 1 }],
        Some(list) => ViewSet::parse_list(&list).map_err(|e| e.place(s.place("orientations")))?,
    };
    let realisations = s.integer("noise_realisations", 1..=1_000_000)?.unwrap_or(1) as usize;
    let fields = match s.texts("fields")? {
        None => vec![Field::Map(crate::sky::maps::Domain::Tb), Field::Band(Observed::Dirty)],
        Some(words) => Field::parse_list(&words).map_err(|e| e.place(s.place("fields")))?,
    };
    if fields.iter().all(|f| f.is_of_instrument()) {
        return Err(Error::input("a data set of PSFs alone has no samples")
            .found("psf is one of each instrument, not of each sample")
            .expected("another field beside it, as in [\"dirty\", \"psf\"]")
            .place(s.place("fields")));
    }
    let bandwidth_hz =
        s.quantity("bandwidth", Dimension::Frequency)?.map(|w| positive(&s, "bandwidth", w)).transpose()?;
    let split = s.section("split")?;
    let share = |key: &str, default: f64| Ok::<_, Error>(split.float(key, 0.0..=1.0)?.unwrap_or(default));
    let fractions = [share("train", 0.8)?, share("validation", 0.1)?, share("test", 0.1)?];
    let strata = split.integer("strata", 1..=1_000_000)?.unwrap_or(10) as usize;
    split.finish()?;
    if (fractions.iter().sum::<f64>() - 1.0).abs() > 1e-9 {
        return Err(Error::input("the splits are not the whole data set")
            .found(format!("shares of {fractions:?} for training, validation and test"))
            .expected("a sum of 1")
            .place(s.place("split"))
            .hint("what is not given is 0.8, 0.1 and 0.1: give all three"));
    }
    let scaling = read_scaling(&s, &fields)?;
    let compression = match s.text("compression")?.as_deref() {
        None => COMPRESSION,
        Some("none") => 0,
        Some(text) => match text.strip_prefix("deflate:").and_then(|level| level.parse().ok()) {
            Some(level @ 1..=9) => level,
            _ => return Err(s.refuse("compression", "none, or deflate:1 to deflate:9")),
        },
    };
    let instruments = s.section("instruments")?;
    let named = instruments.keys();
    let instruments = named
        .into_iter()
        .map(|name| {
            let changes = instruments.texts(&name)?.unwrap_or_default();
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')) || name.is_empty() {
                return Err(Error::input("the name of an instrument is to be part of the names of samples")
                    .found(format!("{name:?}"))
                    .expected("letters, digits, _, - and .")
                    .place(instruments.place(&name)));
            }
            match changes.iter().find(|c| INSTRUMENT.iter().all(|table| !c.starts_with(table))) {
                Some(other) => Err(Error::input("an instrument changes what is not its own")
                    .found(format!("\"{other}\""))
                    .expected("changes of telescope, observation, noise, prediction and image, as in \"telescope.name=meerkat\"")
                    .place(instruments.place(&name))),
                None => Ok((name, changes)),
            }
        })
        .collect::<Result<Vec<_>>>()?;
    let settings = DatasetSettings {
        galaxies,
        views,
        realisations,
        fields,
        bandwidth_hz,
        shard_samples: s.integer("shard_samples", 1..=1_000_000)?.map(|n| n as usize),
        seed: s.integer("seed", 0..)?.unwrap_or(1) as u64,
        split: SplitSettings { fractions, strata },
        scaling,
        fit_samples: s.integer("fit_samples", 1..=100_000)?.unwrap_or(48) as usize,
        compression,
        pb_limit: s.float("pb_limit", 0.0..1.0)?.map(|v| positive(&s, "pb_limit", v)).transpose()?.unwrap_or(0.1),
        flux_over_peak: s.float("flux_over_peak", 1.0..=1e9)?,
        instruments: match instruments.len() {
            0 => vec![(DEFAULT_INSTRUMENT.to_string(), Vec::new())],
            _ => instruments,
        },
    };
    let present = s.is_present();
    s.finish()?;
    Ok(present.then_some(settings))
}

/// Name of the instrument where none is named.
const DEFAULT_INSTRUMENT: &str = "instrument";
/// Tables that an instrument may change.
const INSTRUMENT: [&str; 5] = ["telescope.", "observation.", "noise.", "prediction.", "image."];

fn read_scaling(s: &Section, fields: &[Field]) -> Result<Vec<FieldScaling>> {
    let table = s.section("scaling")?;
    let mut scaling = Vec::new();
    for field in Field::all() {
        let name = field.word();
        let Some(word) = table.choice(&name, &["none", "log", "asinh", "yeo-johnson"])? else { continue };
        if !fields.contains(&field) {
            return Err(Error::input("a field that the data set does not hold is stretched")
                .found(&name)
                .expected("one of dataset.fields")
                .place(table.place(&name)));
        }
        if word == "log" && field.is_signed() {
            return Err(table.refuse(&name, "none, asinh or yeo-johnson: this field has values below 0"));
        }
        scaling.push(FieldScaling { field, word: word.to_string(), place: table.place(&name) });
    }
    table.finish()?;
    Ok(scaling)
}

fn read_galaxies(s: &Section) -> Result<Option<GalaxyChoice>> {
    let made = s.integer("galaxies", 1..=10_000_000)?.map(|n| GalaxyChoice::Made(n as usize));
    let cutouts = s.path("cutouts")?.map(GalaxyChoice::Cutouts);
    let list = s.path("list")?.map(GalaxyChoice::List);
    let regions = match s.texts("regions")? {
        None => None,
        Some(texts) => {
            let read = |text: &String| match parse_box_lengths(text)?.as_slice() {
                &[x, y, z, radius] if radius.is_positive() => Ok(([x, y, z], radius)),
                _ => Err(Error::input("this is no sphere of gas")
                    .found(format!("\"{text}\""))
                    .expected("centre and radius, \"26049 10200 27254 60 ckpc/h\"")),
            };
            let regions: Result<Vec<_>> = texts.iter().map(read).collect();
            Some(GalaxyChoice::Regions(regions.map_err(|e| e.place(s.place("regions")))?))
        }
    };
    let subhalos = read_subhalos(s)?;
    let choices =
        [("galaxies", made), ("cutouts", cutouts), ("regions", regions), ("subhalos", subhalos), ("list", list)];
    let given: Vec<&str> = choices.iter().filter(|(_, choice)| choice.is_some()).map(|(key, _)| *key).collect();
    if given.len() > 1 {
        return Err(Error::input("the galaxies of the data set are given twice")
            .found(format!("dataset.{}", given.join(" and dataset.")))
            .expected("one of galaxies, cutouts, regions, subhalos and list")
            .place(super::places(s, &given))
            .hint("remove all but one; a list may name files, regions and subhalos together"));
    }
    Ok(choices.into_iter().find_map(|(_, choice)| choice))
}

fn read_subhalos(s: &Section) -> Result<Option<GalaxyChoice>> {
    let t = s.section("subhalos")?;
    let filter = read_filter(&t, "hi_mass")?;
    let numbers = match t.text("numbers")? {
        None => None,
        Some(list) => {
            let numbers: Option<Vec<u64>> = list.split(',').map(|n| n.trim().parse().ok()).collect();
            Some(numbers.ok_or_else(|| t.refuse("numbers", "numbers of the group catalogue, \"5,7,9\""))?)
        }
    };
    let (catalogue, offsets) = (t.path("catalogue")?, t.path("offsets")?);
    let present = t.is_present();
    t.finish()?;
    match catalogue {
        Some(catalogue) => Ok(Some(GalaxyChoice::Subhalos { catalogue, offsets, numbers, filter })),
        None if present => Err(t.missing("catalogue", "the folder of fof_subhalo_tab files")),
        None => Ok(None),
    }
}

impl DatasetSettings {
    /// Whether a field of the line averaged over the band is there.
    pub fn has_band(&self) -> bool {
        self.fields.iter().any(|f| matches!(f, Field::Band(_)))
    }

    /// Whether a field has channels.
    pub fn has_cube(&self) -> bool {
        self.fields.iter().any(|f| f.is_cube())
    }
}
