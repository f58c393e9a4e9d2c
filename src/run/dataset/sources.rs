//! The galaxies of a data set: which there are, and the gas of one.

use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{Format, snapshot_header};
use crate::run::params::{DatasetSettings, GalaxyChoice, Settings, SkySource};
use crate::run::skies::hi_model;
use crate::sky::cosmology::Cosmology;
use crate::sky::galaxy::Order;
use crate::sky::maps::{Domain, MapObject};
use crate::sky::neutral::HiModel;
use crate::sky::snapshot::{
    Collisionless, Selection, SnapshotRequest, SubhaloFilter, SubhaloGasSource, from_snapshot, list_subhalos, load,
    made_object,
};
use crate::units::BoxLength;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Kernels of stars and dark matter reach to this neighbour, as in `sky maps`.
const NEIGHBOURS: usize = 32;

/// A galaxy at one time.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Its name in the data set.
    pub id: String,
    /// The galaxy and its progenitors.
    pub group: String,
    /// What it is, in words.
    pub words: String,
    /// HI mass where it is known without the gas, Msun.
    pub hi_mass_msun: Option<f64>,
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Made(Box<Order>, Box<HiModel>),
    Read(Box<SnapshotRequest>),
}

/// The gas of a galaxy and what comes with it.
#[derive(Debug)]
pub(super) struct Subject {
    /// Cells, further columns, stars and dark matter, as far as they were wanted.
    pub object: MapObject,
    /// Redshift of the snapshot.
    pub redshift: f64,
}

/// All galaxies that the configuration asks for, and the cosmology that they are placed in where it names none.
///
/// # Errors
/// Nothing asked for; a sky that does not fit; those of files and group catalogues; two galaxies of one name.
pub(super) fn entries(settings: &Settings, dataset: &DatasetSettings, watch: &Watch) -> Result<Vec<Entry>> {
    let choice = dataset.galaxies.as_ref().ok_or_else(|| {
        Error::input("the data set has no galaxies")
            .expected("one of galaxies (a number of made ones), cutouts, regions, subhalos and list")
            .place("table [dataset] of the configuration")
    })?;
    let list = match choice {
        GalaxyChoice::Made(count) => made(settings, *count)?,
        GalaxyChoice::Cutouts(folder) => cutouts(settings, folder)?,
        GalaxyChoice::Regions(regions) => of_regions(settings, regions)?,
        GalaxyChoice::Subhalos { .. } => of_subhalos(settings, choice, watch)?,
        GalaxyChoice::List(path) => of_list(settings, path)?,
    };
    let mut groups: HashMap<String, &Entry> = HashMap::new();
    for entry in &list {
        let Source::Read(request) = &entry.source else { continue };
        let other = groups.entry(format!("{:?} {:?}", request.path, request.selection)).or_insert(entry);
        if other.group != entry.group {
            return Err(Error::input("one galaxy stands in two groups, and may so stand in two splits")
                .found(format!(
                    "\"{}\" of group \"{}\" and \"{}\" of group \"{}\"",
                    other.id, other.group, entry.id, entry.group
                ))
                .expected("one group for the same gas")
                .place(request.path.display()));
        }
    }
    let mut seen = HashSet::new();
    match list.iter().find(|entry| !seen.insert(entry.id.as_str())) {
        Some(twice) => Err(Error::input("two galaxies of the data set have one name")
            .found(format!("\"{}\"", twice.id))
            .expected("names that differ")),
        None if list.is_empty() => Err(Error::input("the data set has no galaxies").found("an empty list")),
        None => Ok(list),
    }
}

/// The cosmology that objects are placed in: the named one, else that of the first galaxy's file that can be read.
///
/// # Errors
/// A header that cannot be read.
pub(super) fn cosmology(settings: &Settings, entries: &[Entry]) -> Result<Cosmology> {
    if let Some(name) = &settings.sky.placing.cosmology {
        return Cosmology::named(name);
    }
    let mut first = None;
    for entry in entries {
        let Source::Read(request) = &entry.source else { break };
        // one damaged file is one galaxy's failure
        match snapshot_header(&request.path, request.format).and_then(|header| Cosmology::of_header(&header)) {
            Ok(cosmology) => return Ok(cosmology),
            Err(error) => first = first.or(Some(error)),
        }
    }
    match first {
        Some(error) => Err(error.hint("no file of the data set can be read; sky.cosmology names a cosmology")),
        None => Cosmology::named("TNG"),
    }
}

fn made(settings: &Settings, count: usize) -> Result<Vec<Entry>> {
    let SkySource::Galaxy(order) = &settings.sky.source else {
        return Err(Error::input("dataset.galaxies is the number of made galaxies, but the sky is another")
            .expected("sky.galaxy, or neither sky.snapshot nor other skies")
            .hint("for gas of a simulation give dataset.cutouts, regions, subhalos or list"));
    };
    let model = hi_model(&settings.sky);
    (0..count)
        .map(|i| {
            let order = order.member(i as u64);
            let facts = order.plan()?.facts();
            let id = format!("g{i:05}");
            Ok(Entry {
                group: id.clone(),
                id,
                words: format!("{} of seed {}", facts.kind.word(), facts.seed),
                hi_mass_msun: Some(facts.hi_mass_msun),
                source: Source::Made(Box::new(order), Box::new(model.clone())),
            })
        })
        .collect()
}

/// What files of cutouts are called.
const ENDINGS: [&str; 3] = ["hdf5", "h5", "npz"];

fn cutouts(settings: &Settings, folder: &Path) -> Result<Vec<Entry>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io("read the folder of cutouts", folder, e))? {
        let path = entry.map_err(|e| Error::io("read the folder of cutouts", folder, e))?.path();
        if path.is_file() && path.extension().is_some_and(|e| ENDINGS.iter().any(|known| e == *known)) {
            files.push(path);
        }
    }
    // the order of a folder is the file system's
    files.sort();
    if files.is_empty() {
        return Err(Error::input("the folder of cutouts holds none")
            .found(folder.display())
            .expected("files *.hdf5, *.h5 or *.npz")
            .place("dataset.cutouts"));
    }
    let base = Base::of(settings);
    Ok(files
        .into_iter()
        .map(|path| {
            let id = path.file_stem().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            base.entry(id.clone(), id.clone(), id, path, Selection::All { centre_ckpc_h: None })
        })
        .collect())
}

/// What all galaxies that are read share.
struct Base {
    format: Option<Format>,
    allow_missing_chunks: bool,
    model: HiModel,
}

impl Base {
    fn of(settings: &Settings) -> Base {
        let (format, allow_missing_chunks) = match &settings.sky.source {
            SkySource::Snapshot { format, allow_missing_chunks, .. } => (*format, *allow_missing_chunks),
            _ => (None, false),
        };
        Base { format, allow_missing_chunks, model: hi_model(&settings.sky) }
    }

    fn entry(&self, id: String, group: String, words: String, path: PathBuf, selection: Selection) -> Entry {
        let request = SnapshotRequest {
            path,
            format: self.format,
            selection,
            allow_missing_chunks: self.allow_missing_chunks,
            model: self.model.clone(),
        };
        Entry { id, group, words, hi_mass_msun: None, source: Source::Read(Box::new(request)) }
    }
}

/// The snapshot of `[sky]`.
fn snapshot_of<'s>(settings: &'s Settings, key: &str) -> Result<&'s Path> {
    match &settings.sky.source {
        SkySource::Snapshot { path, .. } => Ok(path),
        _ => Err(Error::input(format!("dataset.{key} needs a snapshot"))
            .expected("sky.snapshot, whose gas it is")
            .place("table [sky] of the configuration")),
    }
}

fn of_regions(settings: &Settings, regions: &[([BoxLength; 3], BoxLength)]) -> Result<Vec<Entry>> {
    let path = snapshot_of(settings, "regions")?;
    let base = Base::of(settings);
    let header = snapshot_header(path, base.format)?;
    let ckpc_h = |length: &BoxLength| length.to_ckpc_h(header.time, header.hubble_param);
    Ok(regions
        .iter()
        .enumerate()
        .map(|(i, (centre, radius))| {
            let (centre, radius_ckpc_h) = ([0, 1, 2].map(|k| ckpc_h(&centre[k])), ckpc_h(radius));
            let id = format!("r{i:05}");
            let words = format!("within {radius_ckpc_h} ckpc/h of {} {} {}", centre[0], centre[1], centre[2]);
            let selection = Selection::Sphere { centre_ckpc_h: centre, radius_ckpc_h };
            base.entry(id.clone(), id, words, path.into(), selection)
        })
        .collect())
}

fn of_subhalos(settings: &Settings, choice: &GalaxyChoice, watch: &Watch) -> Result<Vec<Entry>> {
    let GalaxyChoice::Subhalos { catalogue, offsets, numbers, filter } = choice else { return Ok(Vec::new()) };
    let path = snapshot_of(settings, "subhalos")?;
    let base = Base::of(settings);
    let numbers: Vec<(u64, Option<f64>)> = match numbers {
        // nothing to look up
        Some(numbers) if *filter == SubhaloFilter::default() => numbers.iter().map(|n| (*n, None)).collect(),
        numbers => {
            let (format, model) = (base.format, base.model.clone());
            let gas = SubhaloGasSource { snapshot: path.into(), format, offsets: offsets.clone(), model };
            let list = list_subhalos(catalogue, filter, Some(&gas), watch)?;
            let wanted = |index: &u64| numbers.as_ref().is_none_or(|numbers| numbers.contains(index));
            list.rows.iter().filter(|row| wanted(&row.index)).map(|row| (row.index, row.hi_msun)).collect()
        }
    };
    Ok(numbers
        .into_iter()
        .map(|(index, hi_mass_msun)| {
            let selection = Selection::Subhalo { catalogue: catalogue.clone(), offsets: offsets.clone(), index };
            let id = format!("s{index}");
            let entry = base.entry(id.clone(), id, format!("subhalo {index}"), path.into(), selection);
            Entry { hi_mass_msun, ..entry }
        })
        .collect())
}

/// Columns that a list may have; the first is needed.
const COLUMNS: [&str; 10] =
    ["id", "group", "file", "catalogue", "offsets", "subhalo", "x_ckpc_h", "y_ckpc_h", "z_ckpc_h", "radius_ckpc_h"];

fn of_list(settings: &Settings, path: &Path) -> Result<Vec<Entry>> {
    let bad = |what: &str, line: Option<u64>| {
        let place = line.map_or(path.display().to_string(), |line| format!("{}, line {line}", path.display()));
        Error::input(what).place(place)
    };
    let unreadable = |e: csv::Error| {
        let line = e.position().map(csv::Position::line);
        bad("the list of galaxies cannot be read", line).found(e).expected("a table of comma-separated values")
    };
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::All).comment(Some(b'#')).from_path(path).map_err(unreadable)?;
    let header = reader.headers().map_err(unreadable)?.clone();
    if let Some(unknown) = header.iter().find(|name| !COLUMNS.contains(name)) {
        return Err(bad("the list of galaxies has an unknown column", Some(1))
            .found(format!("\"{unknown}\""))
            .expected(COLUMNS.join(", ")));
    }
    if !header.iter().any(|name| name == "id") {
        return Err(bad("the list of galaxies lacks the column id", Some(1))
            .found(header.iter().collect::<Vec<_>>().join(", ")));
    }
    let base = Base::of(settings);
    let mut list = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map(csv::Position::line);
        let cell = |name: &str| {
            let at = header.iter().position(|h| h == name)?;
            record.get(at).filter(|text| !text.is_empty())
        };
        let number = |name: &str| -> Result<Option<f64>> {
            let read = |text: &str| text.parse::<f64>().ok().filter(|v| v.is_finite());
            match cell(name) {
                None => Ok(None),
                Some(text) => read(text).map(Some).ok_or_else(|| {
                    bad("the list of galaxies holds what is no number", line).found(format!("{name} = {text}"))
                }),
            }
        };
        let id = cell("id").ok_or_else(|| bad("a galaxy of the list has no id", line))?.to_string();
        let group = cell("group").unwrap_or(&id).to_string();
        let file = match cell("file") {
            Some(file) => PathBuf::from(file),
            None => snapshot_of(settings, "list").map_err(|e| e.hint("or give the column file"))?.to_path_buf(),
        };
        let place = ["x_ckpc_h", "y_ckpc_h", "z_ckpc_h", "radius_ckpc_h"].map(number);
        let [x, y, z, radius] = place;
        let selection = match (cell("subhalo"), [x?, y?, z?, radius?]) {
            (None, [None, None, None, None]) => Selection::All { centre_ckpc_h: None },
            (None, [Some(x), Some(y), Some(z), Some(radius_ckpc_h)]) => {
                Selection::Sphere { centre_ckpc_h: [x, y, z], radius_ckpc_h }
            }
            (Some(index), [None, None, None, None]) => {
                let catalogue = cell("catalogue").ok_or_else(|| bad("a subhalo of the list has no catalogue", line))?;
                let index = index
                    .parse()
                    .map_err(|_| bad("the list of galaxies holds what is no number of a subhalo", line).found(index))?;
                Selection::Subhalo { catalogue: catalogue.into(), offsets: cell("offsets").map(PathBuf::from), index }
            }
            _ => {
                return Err(bad("a galaxy of the list is selected in two ways, or by half", line)
                    .found(format!("\"{id}\""))
                    .expected("subhalo and catalogue; or x_ckpc_h, y_ckpc_h, z_ckpc_h and radius_ckpc_h; or neither"));
            }
        };
        list.push(base.entry(id.clone(), group, format!("{id} of the list"), file, selection));
    }
    Ok(list)
}

impl Entry {
    /// Gas cells, where that is known without reading them.
    pub(super) fn cells(&self) -> Option<u64> {
        match &self.source {
            Source::Made(order, _) => order.plan().ok().map(|plan| plan.cells() as u64),
            Source::Read(_) => None,
        }
    }

    /// The gas, with what maps of `domains` need beside it.
    ///
    /// # Errors
    /// Those of snapshots and the galaxy maker; a domain that is not there; stopped by the user.
    pub(super) fn load(&self, domains: &[Domain], watch: &Watch) -> Result<Subject> {
        let hi = |d: &Domain| matches!(d, Domain::Hi | Domain::HiMass | Domain::Tb | Domain::TbKinematic);
        let hi_alone = domains.iter().all(hi);
        let wanted = Collisionless {
            stars: domains.contains(&Domain::Stars),
            dark_matter: domains.contains(&Domain::DarkMatter),
            neighbour: NEIGHBOURS,
        };
        let alone = |cells| MapObject { cells, ..MapObject::default() };
        let (header, object) = match &self.source {
            Source::Made(order, model) if hi_alone => {
                let made = order.plan()?.gas_alone().make()?.snapshot;
                let galaxy = from_snapshot(&made, Some([0.5 * made.header.box_size; 3]), model)?;
                (galaxy.header, alone(galaxy.cells))
            }
            Source::Made(order, model) => {
                let plan = order.plan()?;
                let plan = if wanted.stars || wanted.dark_matter { plan } else { plan.gas_alone() };
                let (galaxy, object) = made_object(plan.make()?, wanted, model, watch)?;
                (galaxy.header, object)
            }
            Source::Read(request) if hi_alone => {
                let galaxy = load(request, watch)?;
                (galaxy.header, alone(galaxy.cells))
            }
            Source::Read(request) => {
                let (galaxy, object) = request.map_object(wanted, watch)?;
                (galaxy.header, object)
            }
        };
        if let Some(absent) = domains.iter().find(|d| !object.holds(**d)) {
            return Err(Error::input("the galaxy has nothing for a field of the data set")
                .found(format!("no {}", absent.title()))
                .place(&self.words));
        }
        Ok(Subject { object, redshift: header.redshift })
    }
}
