//! IllustrisTNG (AREPO) snapshots and group catalogues: HDF5 files to plain tables in code units.
//!
//! Nothing here converts a unit or knows what a galaxy is; the table holds the numbers of the
//! file, and [`Header`] what is needed to convert them (docs/snapshots.md).

mod describe;
mod files;
mod groups;
mod hdf;
mod read;
mod write;

pub use describe::{ChunkDescription, Description, FieldDescription, describe, resembles_snapshot};
pub use files::{FileSet, find_snapshot};
pub use groups::{SubhaloGas, subhalo_gas};
pub use read::{CellSelection, ReadOptions, read_gas};
pub use write::write_snapshot;

/// What the group `Header` of a snapshot file states.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// `Time`: scale factor a of the snapshot.
    pub time: f64,
    /// `Redshift`.
    pub redshift: f64,
    /// `HubbleParam`: h, the Hubble constant in units of 100 km/s/Mpc.
    pub hubble_param: f64,
    /// `Omega0`: present-day matter density.
    pub omega0: f64,
    /// `OmegaLambda`: present-day density of the cosmological constant.
    pub omega_lambda: f64,
    /// `OmegaBaryon`; 0 where the file does not state it.
    pub omega_baryon: f64,
    /// `BoxSize`: side of the periodic box, code lengths (ckpc/h).
    pub box_size: f64,
    /// `NumFilesPerSnapshot`.
    pub num_files: usize,
    /// `NumPart_Total[0]`: gas cells of the whole snapshot, in all its files.
    pub gas_cells_total: u64,
    /// `UnitLength_in_cm`; TNG's 3.085678e21 where the file does not state it.
    pub unit_length_in_cm: f64,
    /// `UnitMass_in_g`; TNG's 1.989e43 where the file does not state it.
    pub unit_mass_in_g: f64,
    /// `UnitVelocity_in_cm_per_s`; TNG's 1e5 where the file does not state it.
    pub unit_velocity_in_cm_per_s: f64,
    /// `SimulationName`, which the TNG web service writes; empty where there is none.
    pub simulation_name: String,
}

/// TNG's code length, cm: the kpc of the simulation.
pub const TNG_UNIT_LENGTH_CM: f64 = 3.085678e21;
/// TNG's code mass, g: 1e10 solar masses of the simulation.
pub const TNG_UNIT_MASS_G: f64 = 1.989e43;
/// TNG's code velocity, cm/s.
pub const TNG_UNIT_VELOCITY_CM_S: f64 = 1e5;

/// Gas cells (PartType0) in code units; every non-empty vector has one entry a cell.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GasTable {
    /// `CenterOfMass`, or `Coordinates` where that is absent, ckpc/h.
    pub position: Vec<[f64; 3]>,
    /// `Velocities`, km sqrt(a)/s.
    pub velocity: Vec<[f64; 3]>,
    /// `Masses`, 1e10 Msun/h.
    pub mass: Vec<f64>,
    /// `Density`, (1e10 Msun/h)/(ckpc/h)^3.
    pub density: Vec<f64>,
    /// `InternalEnergy` per mass, (km/s)^2.
    pub internal_energy: Vec<f64>,
    /// `ElectronAbundance`: electrons per hydrogen nucleus.
    pub electron_abundance: Vec<f64>,
    /// `NeutralHydrogenAbundance`: neutral fraction of the hydrogen.
    pub neutral_abundance: Vec<f64>,
    /// `StarFormationRate`, Msun/yr.
    pub star_formation_rate: Vec<f64>,
    /// `GFM_Metals[:,0]`, the mass fraction of hydrogen; empty where the file has no GFM_Metals.
    pub hydrogen_fraction: Vec<f64>,
    /// `GFM_Metallicity`, mass fraction of metals; empty where not asked for or absent.
    pub metallicity: Vec<f64>,
    /// `MagneticField`, code units; empty where not asked for or absent.
    pub magnetic_field: Vec<[f64; 3]>,
}

impl GasTable {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.mass.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.mass.is_empty()
    }
}

/// The cells that were asked for, with the header of their snapshot.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Header of the first file.
    pub header: Header,
    /// The selected gas cells, in the order of the files.
    pub gas: GasTable,
    /// What the reader had to assume or leave out, one plain sentence each.
    pub notes: Vec<String>,
}

/// Separation b - a on one axis of a periodic box (nearest image); no wrap where `box_size` is 0.
pub fn nearest_image(a: f64, b: f64, box_size: f64) -> f64 {
    let d = b - a;
    if box_size > 0.0 { d - box_size * (d / box_size).round() } else { d }
}
