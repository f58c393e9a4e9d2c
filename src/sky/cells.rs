//! Gas cells with their HI, in physical units: what every simulation is turned into.

/// Gas cells of one object, relative to its centre. All vectors have one entry a cell.
#[derive(Debug, Clone, Default)]
pub struct GasCells {
    /// Position in the simulation's axes, relative to the selection centre, physical kpc.
    pub position_kpc: Vec<[f64; 3]>,
    /// Peculiar velocity in the simulation's axes, km/s (physical).
    pub velocity_km_s: Vec<[f64; 3]>,
    /// Atomic hydrogen mass, Msun.
    pub hi_mass_msun: Vec<f64>,
    /// Volume of the cell, physical kpc^3.
    pub volume_kpc3: Vec<f64>,
    /// One-dimensional velocity dispersion of the line, thermal and turbulent, km/s.
    pub sigma_km_s: Vec<f64>,
    /// Scale factor of the snapshot.
    pub scale_factor: f64,
}

impl GasCells {
    /// Number of cells.
    pub fn len(&self) -> usize {
        self.hi_mass_msun.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.hi_mass_msun.is_empty()
    }

    /// Total HI mass, Msun.
    pub fn total_hi_msun(&self) -> f64 {
        self.hi_mass_msun.iter().sum()
    }
}
