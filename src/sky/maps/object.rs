use super::Domain;
use super::neighbours::distances_to_neighbour;
use crate::error::{Result, Watch};
use crate::sky::cells::GasCells;

/// All that maps of one object are made of, in physical units, relative to its centre.
#[derive(Debug, Clone, Default)]
pub struct MapObject {
    /// Places, sizes and HI of the gas cells.
    pub cells: GasCells,
    /// What else the cells hold.
    pub gas: GasColumns,
    /// Stars; none where there are none to be read.
    pub stars: Option<ParticleCloud>,
    /// Dark matter; none where there is none to be read.
    pub dark_matter: Option<ParticleCloud>,
}

/// Further columns of gas cells, one entry a cell; empty ones stand for what is not known.
#[derive(Debug, Clone, Default)]
pub struct GasColumns {
    /// Mass of all gas, Msun.
    pub mass_msun: Vec<f64>,
    /// Temperature, K.
    pub temperature_k: Vec<f64>,
    /// Mass fraction of metals.
    pub metallicity: Vec<f64>,
    /// Magnetic field in the simulation's axes, physical microgauss.
    pub magnetic_field_ug: Vec<[f64; 3]>,
    /// Free electrons, in units of the nuclei in one Msun of hydrogen.
    pub electrons: Vec<f64>,
    /// Star formation rate, Msun/yr.
    pub sfr_msun_yr: Vec<f64>,
}

/// Stars or dark matter.
#[derive(Debug, Clone, Default)]
pub struct ParticleCloud {
    /// Position in the simulation's axes, relative to the centre, physical kpc.
    pub position_kpc: Vec<[f64; 3]>,
    /// Mass, Msun.
    pub mass_msun: Vec<f64>,
    /// Radius of each particle's kernel, physical kpc.
    pub support_kpc: Vec<f64>,
}

impl ParticleCloud {
    /// Particles with kernels that reach to the `neighbour`-th neighbour of each.
    ///
    /// # Errors
    /// Stopped by the user.
    pub fn new(
        position_kpc: Vec<[f64; 3]>,
        mass_msun: Vec<f64>,
        neighbour: usize,
        watch: &Watch,
    ) -> Result<ParticleCloud> {
        let support_kpc = distances_to_neighbour(&position_kpc, neighbour, watch)?;
        Ok(ParticleCloud { position_kpc, mass_msun, support_kpc })
    }
}

impl MapObject {
    /// Whether `domain` can be drawn.
    pub fn holds(&self, domain: Domain) -> bool {
        match domain {
            Domain::Hi | Domain::HiMass | Domain::Tb | Domain::TbKinematic => !self.cells.is_empty(),
            Domain::Gas | Domain::Temperature | Domain::Sfr => !self.gas.mass_msun.is_empty(),
            Domain::Metallicity => !self.gas.metallicity.is_empty(),
            Domain::B | Domain::BLos => !self.gas.magnetic_field_ug.is_empty(),
            Domain::Stars => self.stars.is_some(),
            Domain::DarkMatter => self.dark_matter.is_some(),
        }
    }

    /// Mass of the atomic hydrogen, Msun.
    pub fn hi_msun(&self) -> f64 {
        self.cells.total_hi_msun()
    }

    /// Mass of the gas, Msun.
    pub fn gas_msun(&self) -> f64 {
        self.gas.mass_msun.iter().sum()
    }
}
