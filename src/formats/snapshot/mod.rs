//! Snapshots of simulations and group catalogues: HDF5 files to plain tables in IllustrisTNG's code units.
//!
//! Nothing here knows what a galaxy is. Files of IllustrisTNG's kind come as they are; formats with units of their
//! own ([`Format`]) are turned into the same ones. [`Header`] holds what is needed to make them physical
//! (docs/snapshots.md).

mod arrays;
mod camels;
mod catalogue;
mod collisionless;
mod describe;
mod eagle;
mod files;
mod fof;
mod groups;
mod hdf;
mod layout;
mod npz;
mod physical;
mod read;
mod simba;
mod swift;
mod tng;
mod write;

pub use catalogue::{Catalogue, Subhalo, first_gas_cells, read_catalogue, resembles_catalogue};
pub use collisionless::{ParticleKind, Particles, read_particles};
pub use describe::{ChunkDescription, Description, FieldDescription, describe, resembles_snapshot};
pub use files::{FileSet, find_snapshot};
pub use fof::{FofGroup, group_of_subhalo};
pub use groups::{SubhaloGas, subhalo_gas};
pub use layout::Format;
pub use read::{CellSelection, ReadOptions, read_gas, snapshot_header};
pub use write::{write_snapshot, write_snapshot_with};

/// What a snapshot file states about itself; names in quotes are those of IllustrisTNG's group `Header`.
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    /// The layout of the file.
    pub format: Format,
    /// Whether star-forming cells follow the two-phase model of Springel & Hernquist (2003).
    pub two_phase_star_formation: bool,
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
    /// `BoxSize`: side of the periodic box, code lengths (ckpc/h); 0 where there is no periodic box.
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
    /// What the file does not state and was assumed, one plain sentence each.
    pub assumptions: Vec<String>,
}

/// TNG's code length, cm: the kpc of the simulation.
pub const TNG_UNIT_LENGTH_CM: f64 = 3.085678e21;
/// TNG's code mass, g: 1e10 solar masses of the simulation.
pub const TNG_UNIT_MASS_G: f64 = 1.989e43;
/// TNG's code velocity, cm/s.
pub const TNG_UNIT_VELOCITY_CM_S: f64 = 1e5;

/// Gas cells (PartType0) in code units; every non-empty vector has one entry a cell. Empty ones stand for what the
/// file does not state.
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
    /// Smoothing length, ckpc/h; read where there is no density.
    pub smoothing_length: Vec<f64>,
    /// `InternalEnergy` per mass, (km/s)^2.
    pub internal_energy: Vec<f64>,
    /// Temperature, K.
    pub temperature_k: Vec<f64>,
    /// `ElectronAbundance`: electrons per hydrogen nucleus.
    pub electron_abundance: Vec<f64>,
    /// `NeutralHydrogenAbundance`: neutral fraction of the hydrogen.
    pub neutral_abundance: Vec<f64>,
    /// H2 over all hydrogen, by mass, where the file states it.
    pub molecular_abundance: Vec<f64>,
    /// `StarFormationRate`, Msun/yr.
    pub star_formation_rate: Vec<f64>,
    /// `GFM_Metals[:,0]`, the mass fraction of hydrogen.
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

/// Stars (PartType4) as the maker of galaxies writes them, code units as in [`GasTable`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StarTable {
    /// `Coordinates`, ckpc/h.
    pub position: Vec<[f64; 3]>,
    /// `Velocities`, km sqrt(a)/s.
    pub velocity: Vec<[f64; 3]>,
    /// `Masses`, 1e10 Msun/h.
    pub mass: Vec<f64>,
    /// `GFM_StellarFormationTime`: scale factor at birth, above 0 (0 or less stands for wind in IllustrisTNG's files).
    pub formation_time: Vec<f64>,
    /// `GFM_Metallicity`, mass fraction of metals.
    pub metallicity: Vec<f64>,
}

/// Dark matter (PartType1): particles of one mass, which stands in the header's `MassTable[1]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DarkMatterTable {
    /// `Coordinates`, ckpc/h.
    pub position: Vec<[f64; 3]>,
    /// `Velocities`, km sqrt(a)/s.
    pub velocity: Vec<[f64; 3]>,
    /// Mass of one particle, 1e10 Msun/h.
    pub particle_mass: f64,
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
