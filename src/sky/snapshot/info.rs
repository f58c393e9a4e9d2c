use super::{CodeUnits, complete};
use crate::error::{Result, Watch};
use crate::formats::snapshot::{CellSelection, Description, Format, ReadOptions, describe, read_gas};
use std::fmt;
use std::path::{Path, PathBuf};

/// What `skyfringe sky info` prints of a snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotInfo {
    /// The path that was asked about.
    pub path: PathBuf,
    /// Chunks, header and fields.
    pub description: Description,
    /// Gas of the files that are there; None where they hold none.
    pub gas: Option<GasSummary>,
}

/// Sums over the gas cells that are there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GasSummary {
    /// Number of cells.
    pub cells: usize,
    /// Gas mass, Msun.
    pub gas_msun: f64,
    /// Neutral hydrogen as the file states it, or by [`complete`] where it does not, without corrections, Msun.
    pub stored_neutral_msun: f64,
    /// Star formation rate, Msun/yr.
    pub sfr_msun_yr: f64,
    /// Smallest coordinates, ckpc/h.
    pub low_ckpc_h: [f64; 3],
    /// Largest coordinates, ckpc/h.
    pub high_ckpc_h: [f64; 3],
    /// Centre of the heaviest neutral-hydrogen cell, ckpc/h: a first guess for a selection.
    pub densest_ckpc_h: [f64; 3],
}

/// Describes the snapshot at `path`; absent chunks are reported, not errors.
///
/// `format` None: told from the file.
pub fn info(path: &Path, format: Option<Format>, watch: &Watch) -> Result<SnapshotInfo> {
    let description = describe(path, format)?;
    let any = description.chunks.iter().any(|c| c.gas_cells > 0);
    let gas = if any { Some(summary(path, format, watch)?) } else { None };
    Ok(SnapshotInfo { path: path.to_path_buf(), description, gas })
}

fn summary(path: &Path, format: Option<Format>, watch: &Watch) -> Result<GasSummary> {
    let options =
        ReadOptions { format, selection: CellSelection::All, allow_missing_chunks: true, ..ReadOptions::default() };
    let mut snapshot = read_gas(path, &options, watch)?;
    complete(&mut snapshot).map_err(|e| e.place(path.display()))?;
    let (gas, units) = (&snapshot.gas, CodeUnits::of(&snapshot.header));
    let neutral = |i: usize| gas.mass[i] * units.mass_msun * gas.hydrogen_fraction[i] * gas.neutral_abundance[i];
    let fold =
        |with: fn(f64, f64) -> f64, start: f64| [0, 1, 2].map(|k| gas.position.iter().map(|p| p[k]).fold(start, with));
    let heaviest = (0..gas.len()).max_by(|a, b| neutral(*a).total_cmp(&neutral(*b))).unwrap_or(0);
    Ok(GasSummary {
        cells: gas.len(),
        gas_msun: gas.mass.iter().sum::<f64>() * units.mass_msun,
        stored_neutral_msun: (0..gas.len()).map(neutral).sum(),
        sfr_msun_yr: gas.star_formation_rate.iter().sum(),
        low_ckpc_h: fold(f64::min, f64::INFINITY),
        high_ckpc_h: fold(f64::max, f64::NEG_INFINITY),
        densest_ckpc_h: gas.position[heaviest],
    })
}

impl fmt::Display for SnapshotInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Description { header: h, chunks, missing, fields } = &self.description;
        writeln!(f, "{}: {} snapshot", self.path.display(), h.format.words())?;
        if !h.simulation_name.is_empty() {
            writeln!(f, "  simulation     {}", h.simulation_name)?;
        }
        writeln!(f, "  redshift       {:.6} (scale factor {:.6})", h.redshift, h.time)?;
        writeln!(f, "  cosmology      h {}, Omega_m {}, Omega_Lambda {}", h.hubble_param, h.omega0, h.omega_lambda)?;
        match h.box_size {
            0.0 => writeln!(f, "  box            none")?,
            // without the rounding of a conversion
            side => writeln!(f, "  box            {} ckpc/h, periodic", (side * 1e6).round() / 1e6)?,
        }
        writeln!(f, "  files          {} of {}", chunks.len(), chunks.len() + missing.len())?;
        for chunk in chunks {
            let name = chunk.path.file_name().unwrap_or_default().to_string_lossy();
            writeln!(f, "    {:>4}  {name}  {} gas cells", chunk.number, chunk.gas_cells)?;
        }
        if !missing.is_empty() {
            let numbers: Vec<String> = missing.iter().map(usize::to_string).collect();
            writeln!(f, "    absent: {}", numbers.join(", "))?;
        }
        writeln!(f, "  fields of the gas")?;
        for field in fields {
            let shape = if field.components == 1 { "[cell]".into() } else { format!("[cell, {}]", field.components) };
            let unit = if field.unit.is_empty() { "unit not stated" } else { &field.unit };
            writeln!(f, "    {:<26} {shape:<11} {unit}", field.name)?;
        }
        let Some(gas) = &self.gas else {
            return writeln!(f, "  no gas cells");
        };
        writeln!(f, "  gas cells      {} here, {} in the whole snapshot", gas.cells, h.gas_cells_total)?;
        writeln!(f, "  gas mass       {:.5e} Msun", gas.gas_msun)?;
        writeln!(
            f,
            "  neutral H      {:.5e} Msun (as stored or in equilibrium, HI and H2, uncorrected)",
            gas.stored_neutral_msun
        )?;
        writeln!(f, "  star formation {:.4} Msun/yr", gas.sfr_msun_yr)?;
        let (a, b, c) = (gas.low_ckpc_h, gas.high_ckpc_h, gas.densest_ckpc_h);
        writeln!(
            f,
            "  extent         x {:.1} to {:.1}, y {:.1} to {:.1}, z {:.1} to {:.1} ckpc/h",
            a[0], b[0], a[1], b[1], a[2], b[2]
        )?;
        writeln!(f, "  heaviest HI    at {:.1} {:.1} {:.1} ckpc/h", c[0], c[1], c[2])
    }
}
