//! What a data set is to hold, found once and frozen in plan.json: galaxies, splits, scalings.

use super::log::Log;
use super::samples::{Maker, Named, own_failure};
use super::scene::{self, Instrument, Scene, stored};
use super::sources::{self, Entry};
use super::workers::Workers;
use crate::datasets::observer::probe_flux_over_peak;
use crate::datasets::{
    FitSample, Layout, Plan, PlanField, PlanGalaxy, PlanInstrument, Scaling, ScalingKind, Split, SplitEntry,
    SplitRequest, split,
};
use crate::error::{Error, Result};
use crate::imaging::fast::RouteChoice;
use crate::math::random::philox;
use crate::run::Progress;
use crate::run::headers::program;
use crate::run::params::{DatasetSettings, Settings};
use crate::sky::maps::View;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Everything that samples are made from.
#[derive(Debug)]
pub(super) struct Prepared {
    pub settings: Settings,
    pub dataset: DatasetSettings,
    pub entries: Vec<Entry>,
    pub scenes: Vec<Scene>,
    pub plan: Plan,
    /// Where the plan needed them already.
    pub instruments: Option<Vec<Instrument>>,
}

/// Pixels of an image that a scaling is fitted to.
const FIT_PIXELS: usize = 4096;
/// Error of physical values got back from stored ones, over |x| + scale, that is worth a note.
const ROUND_TRIP: f64 = 1e-5;
/// Galaxies on which the flux over peak is looked at, for maps and for cubes.
const PROBED: [usize; 2] = [6, 2];
/// Planned for, over the largest that was found: it costs a node in w at most.
const PROBE_MARGIN: f64 = 4.0;

/// Reads the configuration and the plan of `folder`, or makes it.
///
/// # Errors
/// Those of configurations, files and observers; a plan of another configuration or program; an interrupt.
pub(super) fn prepare(
    config: &Path,
    changes: &[String],
    folder: &Path,
    threads: usize,
    log: &Log,
    progress: &dyn Progress,
) -> Result<Prepared> {
    let (settings, dataset, instruments) = scene::read(config, changes)?;
    let watch = progress.stage("galaxies", 1);
    let entries = sources::entries(&settings, &dataset, &watch.quiet())?;
    let cosmology = sources::cosmology(&settings, &entries)?;
    let scenes = scene::scenes(&instruments, &dataset, &cosmology)?;
    let layout = scene::layout(&dataset, &scenes, entries.len());
    if folder.join(Plan::NAME).exists() {
        let plan = Plan::read(folder)?;
        same(&plan, &settings, &layout, &entries, folder)?;
        return Ok(Prepared { settings, dataset, entries, scenes, plan, instruments: None });
    }
    let shard = (0..layout.shards()).map(|shard| folder.join(Layout::shard_name(shard))).find(|path| path.exists());
    if let Some(shard) = shard {
        return Err(Error::input("the folder holds shards but no plan.json that says of what")
            .found(shard.display())
            .expected("an empty folder, or one of this data set")
            .hint("choose another --out; of a finished data set manifest.json holds the plan"));
    }
    log.line(&format!("plan of {} galaxies, {} samples, {} shards", entries.len(), layout.samples(), layout.shards()))?;
    let mut prepared = Prepared {
        plan: unfitted(&settings, &dataset, &entries, &scenes, layout, threads, progress)?,
        settings,
        dataset,
        entries,
        scenes,
        instruments: None,
    };
    prepared.fit(threads, progress)?;
    prepared.plan.write(folder)?;
    log.line("plan.json is written")?;
    Ok(prepared)
}

/// An error unless a plan is that of this configuration and program.
fn same(plan: &Plan, settings: &Settings, layout: &Layout, entries: &[Entry], folder: &Path) -> Result<()> {
    let place = format!("file {}", folder.join(Plan::NAME).display());
    let other = |what: &str| Error::input(format!("the folder holds a data set of another {what}")).place(&place);
    if plan.configuration != settings.canonical {
        let lines = |text: &str| text.lines().map(str::to_string).collect::<Vec<_>>();
        let (there, here) = (lines(&plan.configuration), lines(&settings.canonical));
        let differs = here.iter().find(|l| !there.contains(l)).or_else(|| there.iter().find(|l| !here.contains(l)));
        return Err(other("configuration")
            .found(differs.map_or("another order", String::as_str))
            .expected("the configuration and --set words that it was begun with")
            .hint("choose another --out, or empty the folder"));
    }
    if plan.program != program() {
        return Err(other("version of the program")
            .found(&plan.program)
            .expected(program())
            .hint("go on with that version: shards of two versions may differ; or choose another --out"));
    }
    let ids = plan.galaxies.iter().map(|g| &g.id).eq(entries.iter().map(|e| &e.id));
    if plan.layout != *layout || !ids {
        return Err(other("list of galaxies")
            .found(format!("{} galaxies", plan.layout.galaxies))
            .expected(format!("{}, of the same names", layout.galaxies))
            .hint("files were added or taken away since the data set was begun; choose another --out"));
    }
    Ok(())
}

/// The plan but for scalings and what instruments are planned for.
fn unfitted(
    settings: &Settings,
    dataset: &DatasetSettings,
    entries: &[Entry],
    scenes: &[Scene],
    layout: Layout,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Plan> {
    let found = masses(entries, threads, progress)?;
    // what could not be read may be repaired later: it has a split as well, that of the lightest
    let groups: Vec<SplitEntry> = entries
        .iter()
        .zip(&found)
        .map(|(entry, found)| SplitEntry {
            group: &entry.group,
            hi_mass_msun: found.as_ref().map_or(0.0, |(mass, _)| *mass),
        })
        .collect();
    let request = SplitRequest { fractions: dataset.split.fractions, seed: dataset.seed, strata: dataset.split.strata };
    let splits = split(&groups, &request).map_err(|e| e.place("table [dataset.split] of the configuration"))?;
    let galaxies = entries.iter().zip(&found).zip(splits).map(|((entry, found), split)| PlanGalaxy {
        id: entry.id.clone(),
        group: entry.group.clone(),
        source: entry.words.clone(),
        hi_mass_msun: found.as_ref().ok().map(|(mass, _)| *mass),
        redshift: found.as_ref().ok().and_then(|(_, redshift)| *redshift),
        split,
        failure: found.as_ref().err().cloned(),
    });
    let fields = stored(dataset).map(|field| PlanField {
        name: field.word(),
        unit: field.unit().to_string(),
        shape: scenes[0].shape(field),
        signed: field.is_signed(),
        scaling: Scaling::NONE,
    });
    Ok(Plan {
        program: program(),
        configuration: settings.canonical.clone(),
        seed: dataset.seed,
        layout,
        galaxies: galaxies.collect(),
        views: view_names(dataset),
        instruments: scenes
            .iter()
            .map(|scene| PlanInstrument { name: scene.name.clone(), flux_over_peak: [dataset.flux_over_peak; 2] })
            .collect(),
        fields: fields.collect(),
        split: request,
        notes: Vec::new(),
    })
}

fn view_names(dataset: &DatasetSettings) -> Vec<String> {
    let plain = crate::sky::orient::Rotation { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };
    dataset.views.iter().flat_map(|set| set.views(&plain, 0)).map(|view: View| view.name).collect()
}

/// HI mass and redshift of each galaxy, or why there are none.
fn masses(
    entries: &[Entry],
    threads: usize,
    progress: &dyn Progress,
) -> Result<Vec<std::result::Result<(f64, Option<f64>), String>>> {
    let watch = progress.stage("HI masses", entries.len() as u64);
    let found: Vec<Mutex<Option<_>>> = entries.iter().map(|_| Mutex::new(None)).collect();
    Workers { workers: threads.min(entries.len()).max(1), threads }.each(entries.len(), |i| {
        let entry = &entries[i];
        let result = match entry.hi_mass_msun {
            Some(mass) => Ok((mass, None)),
            None => own_failure(
                entry.load(&[], &watch.quiet()).map(|subject| (subject.object.hi_msun(), Some(subject.redshift))),
            )?,
        };
        *found[i].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        watch.advance(1)
    })?;
    let taken = |slot: Mutex<Option<_>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(found.into_iter().map(|slot| taken(slot).unwrap_or_else(|| Err("not looked at".into()))).collect())
}

impl Prepared {
    /// Finds the flux over peak that instruments are planned for, plans them, and fits the scalings, where any of this is
    /// wanted.
    fn fit(&mut self, threads: usize, progress: &dyn Progress) -> Result<()> {
        let chosen = self.chosen();
        self.probe(&chosen, progress)?;
        let kinds = self.kinds()?;
        if kinds.iter().all(|kind| *kind == ScalingKind::None) {
            return Ok(());
        }
        if chosen.is_empty() {
            let reason = self.plan.galaxies.iter().find_map(|g| g.failure.as_deref());
            return Err(Error::input("there is no galaxy to fit the scalings to")
                .found(reason.unwrap_or("no galaxy of the training split"))
                .expected("a share for training above 0, and files that can be read")
                .place("dataset.scaling and dataset.split")
                .hint("leave dataset.scaling out to store physical values"));
        }
        let instruments = self.instruments(progress)?;
        let watch = progress.stage("scaling", chosen.len() as u64);
        let draws: Vec<Mutex<FitSample>> =
            kinds.iter().map(|_| Mutex::new(FitSample::new(self.dataset.seed, FIT_PIXELS))).collect();
        let maker = Maker { dataset: &self.dataset, layout: self.plan.layout, instruments: &instruments };
        let domains = maker.domains();
        let failure: Mutex<Option<(usize, String)>> = Mutex::new(None);
        Workers { workers: threads.min(chosen.len()), threads }.each(chosen.len(), |i| {
            let number = chosen[i];
            let galaxy = self.plan.layout.key(number).galaxy;
            let subject = own_failure(self.entries[galaxy].load(&domains, &watch.quiet()))?;
            let subject = subject.as_ref().map_err(String::as_str);
            maker.make(subject, &self.named(galaxy), number..number + 1, &watch, &mut |_, made| {
                let sample = match made {
                    Ok(sample) => sample,
                    Err(row) => {
                        // it fails again when it is made, and is told of then
                        let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        if first.as_ref().is_none_or(|(other, _)| number < *other) {
                            *first = Some((number, row.failure.unwrap_or_default()));
                        }
                        return Ok(());
                    }
                };
                for (draw, field) in draws.iter().zip(&sample.fields) {
                    let pixels = field.as_slice().ok_or_else(|| Error::input("pixels are not in order"))?;
                    draw.lock().unwrap_or_else(PoisonError::into_inner).add(number, pixels)?;
                }
                Ok(())
            })?;
            watch.advance(1)
        })?;
        let failure = failure.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut fitted = Vec::new();
        for ((field, kind), draw) in self.plan.fields.iter_mut().zip(kinds).zip(draws) {
            let draw = draw.into_inner().unwrap_or_else(PoisonError::into_inner);
            if let (true, Some((_, reason))) = (draw.values().is_empty(), &failure) {
                return Err(Error::input("none of the samples that scalings are fitted to can be made").found(reason));
            }
            field.scaling = Scaling::fit(kind, draw.values(), field.signed, &watch.quiet())
                .map_err(|e| e.place(format!("dataset.scaling.{}", field.name)))?;
            fitted.push(draw.values().to_vec());
        }
        for (field, draw) in self.plan.fields.iter().zip(&fitted) {
            let error = field.scaling.round_trip_error(draw);
            if error > ROUND_TRIP {
                let note = format!(
                    "{} comes back from its scaling with an error of up to {error:.0e} of |x| + {:.1e} {}: asinh is exact to 3e-7",
                    field.name, field.scaling.scale, field.unit
                );
                progress.note(&note);
                self.plan.notes.push(note);
            }
        }
        self.instruments = Some(instruments);
        Ok(())
    }

    /// The scaling of each stored field.
    fn kinds(&self) -> Result<Vec<ScalingKind>> {
        stored(&self.dataset)
            .map(|field| match self.dataset.scaling.iter().find(|s| s.field == field) {
                Some(scaling) => ScalingKind::parse(&scaling.word).map_err(|e| e.place(&scaling.place)),
                None => Ok(ScalingKind::None),
            })
            .collect()
    }

    /// The instruments: those that are planned already, or planned now as plan.json says.
    ///
    /// # Errors
    /// Those of observers; an interrupt.
    pub(super) fn instruments(&mut self, progress: &dyn Progress) -> Result<Vec<Instrument>> {
        if let Some(there) = self.instruments.take() {
            return Ok(there);
        }
        let planes = |scene: &Scene| 1 + scene.channels.as_ref().map_or(0, |(freq_hz, _)| freq_hz.len());
        let watch = progress.stage("instruments", self.scenes.iter().map(|s| planes(s) as u64).sum());
        self.scenes
            .iter()
            .zip(&self.plan.instruments)
            .map(|(scene, planned)| Instrument::new(scene, &self.dataset, planned.flux_over_peak, &watch))
            .collect()
    }

    /// What a galaxy is called.
    pub(super) fn named(&self, galaxy: usize) -> Named {
        let planned = &self.plan.galaxies[galaxy];
        Named { id: planned.id.clone(), group: planned.group.clone(), split: planned.split.word().into() }
    }

    /// The training samples that are looked at beforehand, one a galaxy, drawn by the seed.
    fn chosen(&self) -> Vec<usize> {
        let layout = &self.plan.layout;
        let mut drawn: Vec<([u32; 4], usize)> = (0..layout.galaxies)
            .filter(|g| self.plan.galaxies[*g].split == Split::Train && self.plan.galaxies[*g].failure.is_none())
            .map(|g| (philox([g as u32, 0, 0, CHOSEN], self.dataset.seed), g))
            .collect();
        drawn.sort_unstable();
        let of_galaxy = layout.per_galaxy();
        let sample = |(words, g): &([u32; 4], usize)| g * of_galaxy + words[3] as usize % of_galaxy;
        drawn.iter().take(self.dataset.fit_samples).map(sample).collect()
    }

    /// Looks at a few skies for the flux over peak that the fast path is planned for, where the configuration gives none.
    fn probe(&mut self, chosen: &[usize], progress: &dyn Progress) -> Result<()> {
        let setups = self.scenes.iter().map(|scene| scene.setups(&self.dataset)).collect::<Result<Vec<_>>>()?;
        let wanted = self.dataset.flux_over_peak.is_none()
            && setups.iter().flatten().flatten().any(|setup| setup.route != RouteChoice::Visibilities);
        if !wanted {
            return Ok(());
        }
        let watch = progress.stage("flux over peak", chosen.len().min(PROBED[0]) as u64);
        let unplanned: Vec<Instrument> = self.scenes.iter().map(Instrument::unplanned).collect();
        let maker = Maker { dataset: &self.dataset, layout: self.plan.layout, instruments: &unplanned };
        let domains = maker.domains();
        // [instrument][band or cubes]
        let mut skies: Vec<[Vec<_>; 2]> = setups.iter().map(|_| [Vec::new(), Vec::new()]).collect();
        for &number in chosen.iter().take(PROBED[0]) {
            let key = self.plan.layout.key(number);
            if let Ok(subject) = own_failure(self.entries[key.galaxy].load(&domains, &watch.quiet()))? {
                for (instrument, skies) in skies.iter_mut().enumerate() {
                    let Ok(seen) = own_failure(maker.flux(&subject, key.galaxy, key.view, instrument, &watch.quiet()))?
                    else {
                        continue;
                    };
                    for ((kept, sky), most) in skies.iter_mut().zip(seen).zip(PROBED) {
                        kept.extend(sky.filter(|_| kept.len() < most));
                    }
                }
            }
            watch.advance(1)?;
        }
        for ((setups, skies), planned) in setups.iter().zip(&skies).zip(&mut self.plan.instruments) {
            for ((setup, skies), flux) in setups.iter().zip(skies).zip(&mut planned.flux_over_peak) {
                let Some(setup) = setup.as_ref().filter(|s| s.route != RouteChoice::Visibilities) else { continue };
                let found = probe_flux_over_peak(setup, skies, &watch.quiet())?;
                *flux = found.map(|found| two_digits(PROBE_MARGIN * found.max(1.0)));
            }
        }
        Ok(())
    }
}

/// Sets the draw of training samples apart from others of the same seed.
const CHOSEN: u32 = 0x6368_6f73;

/// Rounded up to two digits, so that the last bits of a sum do not matter.
fn two_digits(value: f64) -> f64 {
    let unit = 10f64.powf(value.log10().floor() - 1.0);
    (value / unit).ceil() * unit
}
