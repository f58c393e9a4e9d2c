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
    /// Spin temperature of the HI, K; looked at only for self-absorption, and may be empty without.
    pub spin_temperature_k: Vec<f64>,
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

    /// Radius about the centre that holds `share` of the HI, kpc: that of the cell with which the share is reached, 0
    /// without HI.
    pub fn hi_radius_kpc(&self, share: f64) -> f64 {
        let radius = |p: &[f64; 3]| p.iter().map(|x| x * x).sum::<f64>().sqrt();
        let mut cells: Vec<(f64, f64)> =
            self.position_kpc.iter().map(radius).zip(self.hi_mass_msun.iter().copied()).collect();
        cells.sort_by(|a, b| a.0.total_cmp(&b.0));
        let wanted = share * self.total_hi_msun();
        let mut mass = 0.0;
        let reached = cells.iter().find(|(_, m)| {
            mass += m;
            mass >= wanted && wanted > 0.0
        });
        reached.map_or(0.0, |(radius, _)| *radius)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_hold_their_share() {
        let cells = GasCells {
            position_kpc: vec![[0.0, 0.0, 3.0], [1.0, 0.0, 0.0], [0.0, -2.0, 0.0]],
            hi_mass_msun: vec![5.0, 2.0, 3.0],
            ..GasCells::default()
        };
        let radii = [0.1, 0.2, 0.3, 0.5, 0.99].map(|share| cells.hi_radius_kpc(share));
        assert_eq!(radii, [1.0, 1.0, 2.0, 2.0, 3.0]);
        assert_eq!(GasCells::default().hi_radius_kpc(0.5), 0.0);
    }
}
