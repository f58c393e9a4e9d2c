//! Subhalos of a group catalogue by their masses.

use super::{CodeUnits, cell_hydrogen, complete, gas_state, used_model};
use crate::error::{Error, Result, Watch};
use crate::formats::snapshot::{
    CellSelection, Format, Header, ReadOptions, Snapshot, Subhalo, first_gas_cells, read_catalogue, read_gas,
    snapshot_header,
};
use crate::sky::neutral::HiModel;
use std::path::{Path, PathBuf};

/// Gas cells read at once for the HI of subhalos that follow each other.
const BATCH_CELLS: u64 = 2_000_000;

/// Which subhalos are meant: those within all ranges that are given, ends included, with at least one gas cell and of
/// cosmological origin (`SubhaloFlag`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SubhaloFilter {
    /// Stars within twice the stellar half-mass radius, Msun.
    pub stellar_msun: Option<[f64; 2]>,
    /// All gas that is bound, Msun.
    pub gas_msun: Option<[f64; 2]>,
    /// HI by the model of a run, from the snapshot's cells, Msun.
    pub hi_msun: Option<[f64; 2]>,
}

/// Where the cells are that tell the HI of a subhalo.
#[derive(Debug, Clone, PartialEq)]
pub struct SubhaloGasSource {
    /// The snapshot, all its chunks.
    pub snapshot: PathBuf,
    /// Its layout; None: told from it.
    pub format: Option<Format>,
    /// TNG's offsets file.
    pub offsets: Option<PathBuf>,
    /// How HI is computed.
    pub model: HiModel,
}

/// A subhalo in physical units.
#[derive(Debug, Clone, PartialEq)]
pub struct SubhaloRow {
    /// Its number, for `sky.subhalo`.
    pub index: u64,
    /// Place in the box, ckpc/h.
    pub position_ckpc_h: [f64; 3],
    /// Stars within twice the stellar half-mass radius, Msun.
    pub stellar_msun: f64,
    /// All gas that is bound, Msun.
    pub gas_msun: f64,
    /// HI; None without a snapshot.
    pub hi_msun: Option<f64>,
    /// Star formation rate, Msun/yr.
    pub sfr_msun_yr: f64,
    /// Gas cells.
    pub gas_cells: u64,
    /// Radius of half of the gas, physical kpc; 0 where the catalogue does not state it.
    pub gas_half_mass_kpc: f64,
    /// Radius of half of the stars, physical kpc; 0 where the catalogue does not state it.
    pub stellar_half_mass_kpc: f64,
}

/// What a catalogue has within the ranges of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct SubhaloList {
    /// Header of the catalogue.
    pub header: Header,
    /// By number.
    pub rows: Vec<SubhaloRow>,
    /// Subhalos of the whole catalogue.
    pub total: u64,
    /// What was assumed, one plain sentence each.
    pub notes: Vec<String>,
}

fn within(range: Option<[f64; 2]>, value: f64) -> bool {
    range.is_none_or(|[low, high]| (low..=high).contains(&value))
}

/// Lists the subhalos of `catalogue` that `filter` lets pass; with `gas` their HI, too, read from the cells of those
/// that pass all else and have at least as much gas as the smallest HI mass asked for.
///
/// # Errors
/// Those of the files; a range of HI masses without `gas`; a catalogue of another snapshot.
pub fn list_subhalos(
    catalogue: &Path,
    filter: &SubhaloFilter,
    gas: Option<&SubhaloGasSource>,
    watch: &Watch,
) -> Result<SubhaloList> {
    if filter.hi_msun.is_some() && gas.is_none() {
        return Err(Error::input("HI masses are not in a group catalogue: they need the snapshot's gas")
            .expected("the snapshot, too")
            .hint("name it: --snapshot PATH, or sky.snapshot"));
    }
    let keep = |header: &Header, s: &Subhalo| {
        let msun = CodeUnits::of(header).mass_msun;
        s.gas_cells > 0
            && s.flag
            && within(filter.stellar_msun, s.stellar_mass * msun)
            && within(filter.gas_msun, s.gas_mass * msun)
            && filter.hi_msun.is_none_or(|[low, _]| s.gas_mass * msun >= low)
    };
    let found = read_catalogue(catalogue, keep, &watch.quiet())?;
    let units = CodeUnits::of(&found.header);
    let mut notes = found.notes;
    let mut hi = vec![None; found.subhalos.len()];
    if let Some(gas) = gas {
        let snapshot = snapshot_header(&gas.snapshot, gas.format)?;
        require_same_time(found.header.time, &snapshot, catalogue, &gas.snapshot)?;
        let (masses, more) = hi_masses(catalogue, &found.subhalos, gas, watch)?;
        hi = masses.into_iter().map(Some).collect();
        notes.extend(more);
    }
    let rows = found.subhalos.iter().zip(hi).map(|(s, hi_msun)| SubhaloRow {
        index: s.index,
        position_ckpc_h: s.position,
        stellar_msun: s.stellar_mass * units.mass_msun,
        gas_msun: s.gas_mass * units.mass_msun,
        hi_msun,
        sfr_msun_yr: s.star_formation_rate,
        gas_cells: s.gas_cells,
        gas_half_mass_kpc: s.gas_half_mass_radius * units.length_kpc,
        stellar_half_mass_kpc: s.stellar_half_mass_radius * units.length_kpc,
    });
    let rows = rows.filter(|row| row.hi_msun.is_none_or(|hi| within(filter.hi_msun, hi))).collect();
    Ok(SubhaloList { header: found.header, rows, total: found.total, notes })
}

/// The number of the `nth` subhalo (from 0, by number) that `filter` lets pass.
///
/// # Errors
/// As [`list_subhalos`]; fewer subhalos than that.
pub fn nth_subhalo(
    catalogue: &Path,
    filter: &SubhaloFilter,
    nth: usize,
    gas: &SubhaloGasSource,
    watch: &Watch,
) -> Result<u64> {
    // without a range of HI masses nobody needs the cells
    let list = list_subhalos(catalogue, filter, filter.hi_msun.map(|_| gas), watch)?;
    list.rows.get(nth).map(|row| row.index).ok_or_else(|| {
        Error::input("there are fewer subhalos within the ranges of mass")
            .found(format!("{} of {} subhalos; number {nth} of them is asked for", list.rows.len(), list.total))
            .expected("sky.nth below their number")
            .place(catalogue.display())
            .hint("`skyfringe sky info CATALOGUE` with the same ranges lists them")
    })
}

/// An error where a catalogue at scale factor `time` cannot be of the snapshot with this header.
pub(super) fn require_same_time(time: f64, snapshot: &Header, catalogue: &Path, path: &Path) -> Result<()> {
    if (time / snapshot.time - 1.0).abs() < 1e-5 {
        return Ok(());
    }
    Err(Error::input("the group catalogue belongs to another snapshot")
        .found(format!("{} at redshift {:.4}", catalogue.display(), 1.0 / time - 1.0))
        .expected(format!("redshift {:.4}, that of {}", 1.0 / snapshot.time - 1.0, path.display()))
        .hint("compare the numbers at the end of snapdir_NNN and groups_NNN"))
}

/// HI mass of each of `subhalos`, Msun, and what the reader had to assume.
fn hi_masses(
    catalogue: &Path,
    subhalos: &[Subhalo],
    gas: &SubhaloGasSource,
    watch: &Watch,
) -> Result<(Vec<f64>, Vec<String>)> {
    let numbers: Vec<u64> = subhalos.iter().map(|s| s.index).collect();
    let first = first_gas_cells(catalogue, gas.offsets.as_deref(), &numbers)?;
    let mut order: Vec<usize> = (0..subhalos.len()).collect();
    order.sort_by_key(|i| first[*i]);
    // radiation reaches the cells of the own subhalo only, so models that need it see one at a time
    let most = if gas.model.h2.needs_surroundings() { 0 } else { BATCH_CELLS };
    let end = |i: usize| first[i] + subhalos[i].gas_cells;
    let (mut masses, mut notes) = (vec![0.0; subhalos.len()], Vec::new());
    let mut rest = order.as_slice();
    while let Some(start) = rest.first().copied() {
        let count = rest.iter().take_while(|i| **i == start || end(**i) <= first[start] + most).count();
        let (batch, after) = rest.split_at(count);
        rest = after;
        let cells = batch.iter().map(|i| end(*i)).max().unwrap_or(0) - first[start];
        let options = ReadOptions {
            format: gas.format,
            selection: CellSelection::Range { first: first[start], count: cells },
            metallicity: gas.model.h2.needs_surroundings(),
            ..ReadOptions::default()
        };
        let mut snapshot = read_gas(&gas.snapshot, &options, &watch.quiet())?;
        complete(&mut snapshot).map_err(|e| e.place(gas.snapshot.display()))?;
        let hi = hi_of_cells(&snapshot, &gas.model, &watch.quiet())?;
        for i in batch {
            let at = (first[*i] - first[start]) as usize;
            masses[*i] = hi[at..at + subhalos[*i].gas_cells as usize].iter().sum();
        }
        for note in snapshot.notes {
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        watch.advance(count as u64)?;
    }
    Ok((masses, notes))
}

/// HI mass of each cell, Msun.
fn hi_of_cells(snapshot: &Snapshot, model: &HiModel, watch: &Watch) -> Result<Vec<f64>> {
    let (around, _) = super::surroundings(snapshot, model, watch)?;
    let (units, model) = (CodeUnits::of(&snapshot.header), used_model(snapshot, model));
    let of = |i: usize| {
        let state = gas_state(snapshot, i, &units);
        let neutral = cell_hydrogen(snapshot, i, &state, &model, around.get(i));
        snapshot.gas.mass[i] * units.mass_msun * state.hydrogen_fraction * neutral.atomic_fraction()
    };
    Ok((0..snapshot.gas.len()).map(of).collect())
}
