//! Atomic hydrogen of a gas cell: temperature, neutral fraction, molecules, line width.

use super::h2::{Conditions, H2Model, H2Settings, Surroundings};
use crate::units::{G_SI, K_B_J_K, M_H_KG, M_P_KG, MSUN_KG, PC_M};

/// Ratio of specific heats of the gas in the simulations.
pub const GAMMA: f64 = 5.0 / 3.0;
/// Hydrogen mass fraction where a file does not state it (the simulations' primordial gas).
pub const PRIMORDIAL_HYDROGEN: f64 = 0.76;
/// Temperature of the cold clouds in star-forming cells, K (Springel & Hernquist 2003).
const COLD_CLOUDS_K: f64 = 1e3;
/// Density above which cells form stars, hydrogen nuclei per cm^3 (TNG's model).
pub const STAR_FORMING_N_H_CM3: f64 = 0.13;

/// Choices of the HI model.
#[derive(Debug, Clone, PartialEq)]
pub struct HiModel {
    /// Replace the neutral fraction of star-forming cells by the mass share of their cold clouds;
    /// off: the stored NeutralHydrogenAbundance, which there belongs to a temperature without
    /// physical meaning.
    pub star_forming_correction: bool,
    /// Molecular fraction.
    pub h2: H2Model,
    /// What models of the molecular fraction leave open.
    pub h2_settings: H2Settings,
    /// Kinetic temperature of HI in star-forming cells, K.
    pub star_forming_temperature_k: f64,
    /// Highest kinetic temperature of HI elsewhere, K: neutral gas is not hotter than this, even
    /// where its cell is.
    pub warm_cap_k: f64,
    /// Unresolved turbulence, one-dimensional dispersion, km/s.
    pub sigma_turb_km_s: f64,
    /// Share of the HI of star-forming cells that is cold, where its spin temperature matters.
    pub cold_fraction: f64,
    /// Temperature of that share, K.
    pub cold_temperature_k: f64,
}

impl Default for HiModel {
    /// Correction and Blitz & Rosolowsky (2006) on; 8000 K, 1e4 K; 5 km/s, which with 8000 K gives
    /// the 9.5 km/s that spiral galaxies show (Leroy et al. 2008: 11 +- 3 km/s); 28 % of the HI at 100 K (Murray et al.
    /// 2018: the Milky Way's cold neutral medium, of 50 to 200 K).
    fn default() -> HiModel {
        HiModel {
            star_forming_correction: true,
            h2: H2Model::BlitzRosolowsky2006,
            h2_settings: H2Settings::default(),
            star_forming_temperature_k: 8000.0,
            warm_cap_k: 1e4,
            sigma_turb_km_s: 5.0,
            cold_fraction: 0.28,
            cold_temperature_k: 100.0,
        }
    }
}

/// State of the gas in one cell, physical units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GasState {
    /// Mass density, kg/m^3.
    pub density_kg_m3: f64,
    /// Internal energy per mass, (km/s)^2.
    pub energy_km2_s2: f64,
    /// Mass fraction of hydrogen.
    pub hydrogen_fraction: f64,
    /// Free electrons per hydrogen nucleus.
    pub electron_abundance: f64,
    /// Neutral fraction of the hydrogen as the file states it.
    pub neutral_abundance: f64,
    /// Whether the cell forms stars: its energy is then that of an effective equation of state.
    pub star_forming: bool,
}

/// Where the hydrogen of a cell is, as fractions of its hydrogen mass, and the width of its line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NeutralGas {
    /// Neutral (HI + H2) over all hydrogen.
    pub neutral_fraction: f64,
    /// H2 over neutral.
    pub molecular_fraction: f64,
    /// One-dimensional velocity dispersion of the HI, km/s.
    pub sigma_km_s: f64,
    /// Spin temperature of the HI, K: the kinetic one of the neutral phase; in star-forming cells the harmonic mean over
    /// cold and warm HI, which is the temperature that their common optical depth has.
    pub spin_temperature_k: f64,
}

impl NeutralGas {
    /// HI over all hydrogen.
    pub fn atomic_fraction(&self) -> f64 {
        self.neutral_fraction * (1.0 - self.molecular_fraction)
    }
}

impl GasState {
    /// Hydrogen nuclei per cm^3.
    pub fn n_h_cm3(&self) -> f64 {
        self.hydrogen_fraction * self.density_kg_m3 / M_P_KG * 1e-6
    }

    /// Mean molecular weight 4/(1 + 3X + 4X x_e).
    pub fn mean_molecular_weight(&self) -> f64 {
        let x = self.hydrogen_fraction;
        4.0 / (1.0 + 3.0 * x + 4.0 * x * self.electron_abundance)
    }

    /// Temperature T = (gamma - 1) u mu m_p/k, K; without meaning for star-forming cells.
    pub fn temperature_k(&self) -> f64 {
        (GAMMA - 1.0) * self.energy_km2_s2 * 1e6 * self.mean_molecular_weight() * M_P_KG / K_B_J_K
    }

    /// Surface density of the gas over one Jeans length, rho c_s/sqrt(G rho) with c_s^2 = gamma (gamma - 1) u, kg/m^2
    /// (Schaye 2001; Schaye & Dalla Vecchia 2008, eq. 7): in star-forming cells that of the effective equation of state.
    pub fn jeans_column_kg_m2(&self) -> f64 {
        (GAMMA * (GAMMA - 1.0) * self.energy_km2_s2 * 1e6 * self.density_kg_m3 / G_SI).sqrt()
    }

    /// The hydrogen of this cell under `model`, among `surroundings`, which only some models of H2 look at
    /// ([`H2Model::needs_surroundings`]).
    pub fn neutral_gas(&self, model: &HiModel, surroundings: &Surroundings) -> NeutralGas {
        let neutral_fraction = if self.star_forming && model.star_forming_correction {
            cold_mass_fraction(self.energy_km2_s2, self.hydrogen_fraction, self.n_h_cm3())
        } else {
            self.neutral_abundance.clamp(0.0, 1.0)
        };
        // the neutral gas's share of the thermal pressure, (gamma - 1) rho u f_n, and of the column
        let pressure_pa = (GAMMA - 1.0) * self.density_kg_m3 * self.energy_km2_s2 * 1e6 * neutral_fraction;
        let column_kg_m2 = self.jeans_column_kg_m2() * self.hydrogen_fraction * neutral_fraction;
        let conditions = Conditions {
            pressure_over_k: pressure_pa / K_B_J_K * 1e-6,
            column_msun_pc2: surroundings.face_on_msun_pc2.unwrap_or(column_kg_m2 * PC_M * PC_M / MSUN_KG),
            surroundings: *surroundings,
        };
        let molecular_fraction = model.h2.fraction(&conditions, &model.h2_settings);
        let temperature_k = if self.star_forming {
            model.star_forming_temperature_k
        } else {
            self.temperature_k().min(model.warm_cap_k)
        };
        let thermal_km2_s2 = K_B_J_K * temperature_k / M_H_KG * 1e-6;
        let sigma_km_s = (thermal_km2_s2 + model.sigma_turb_km_s.powi(2)).sqrt();
        let cold = if self.star_forming { model.cold_fraction.clamp(0.0, 1.0) } else { 0.0 };
        let spin_temperature_k = 1.0 / (cold / model.cold_temperature_k + (1.0 - cold) / temperature_k);
        NeutralGas { neutral_fraction, molecular_fraction, sigma_km_s, spin_temperature_k }
    }
}

/// Energies per mass of the two phases in star-forming gas of density `n_h_cm3`, (km/s)^2: cold
/// clouds and the hot gas around them.
///
/// Springel & Hernquist (2003): clouds at 1e3 K; hot gas at T_h = 1e3 + 5.73e7/(1 + A) K with
/// evaporation A = 573 (n_H/n_th)^-0.8, n_th = 0.13 cm^-3. Clouds are neutral, mu = 4/(1 + 3X);
/// the hot gas is fully ionised, mu = 4/(3 + 5X).
pub fn two_phase_energies_km2_s2(hydrogen_fraction: f64, n_h_cm3: f64) -> (f64, f64) {
    let over = (n_h_cm3 / STAR_FORMING_N_H_CM3).max(1.0);
    let hot_k = COLD_CLOUDS_K + 5.73e7 / (1.0 + 573.0 * over.powf(-0.8));
    let energy = |t: f64, mu: f64| K_B_J_K * t / ((GAMMA - 1.0) * mu * M_P_KG) * 1e-6;
    let x = hydrogen_fraction;
    (energy(COLD_CLOUDS_K, 4.0 / (1.0 + 3.0 * x)), energy(hot_k, 4.0 / (3.0 + 5.0 * x)))
}

/// Mass share of the cold clouds, (u_h - u)/(u_h - u_c), within [0, 1].
pub fn cold_mass_fraction(energy_km2_s2: f64, hydrogen_fraction: f64, n_h_cm3: f64) -> f64 {
    let (cold, hot) = two_phase_energies_km2_s2(hydrogen_fraction, n_h_cm3);
    ((hot - energy_km2_s2) / (hot - cold)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> GasState {
        GasState {
            density_kg_m3: 0.1e6 * M_P_KG / 0.76,
            energy_km2_s2: 100.0,
            hydrogen_fraction: 0.76,
            electron_abundance: 0.0,
            neutral_abundance: 0.9,
            star_forming: false,
        }
    }

    #[test]
    fn temperature_of_neutral_and_ionised_gas() {
        // u = 1.5 k T/(mu m_p): neutral mu = 4/3.28 = 1.2195; T = 2/3 * 1e8 * 1.2195 * 1.67262e-27/1.38065e-23
        assert!((cell().temperature_k() / 9849.3 - 1.0).abs() < 1e-4, "{}", cell().temperature_k());
        let ionised = GasState { electron_abundance: 1.0 + 0.24 / (2.0 * 0.76), ..cell() };
        assert!((ionised.mean_molecular_weight() - 4.0 / (3.0 + 5.0 * 0.76)).abs() < 1e-12);
        assert!((cell().n_h_cm3() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn spin_temperatures_are_those_of_the_neutral_phase() {
        let spin = |state: GasState, cold_fraction: f64| {
            let model = HiModel { cold_fraction, ..HiModel::default() };
            state.neutral_gas(&model, &Surroundings::SOLAR).spin_temperature_k
        };
        // 9849 K by its energy; 1e4 K at most; no cold share where no stars form
        assert!((spin(cell(), 0.5) / 9849.3 - 1.0).abs() < 1e-4);
        assert!((spin(GasState { energy_km2_s2: 1e5, ..cell() }, 0.5) - 1e4).abs() < 1e-9);
        let forming = GasState { star_forming: true, energy_km2_s2: 1e5, ..cell() };
        assert!((spin(forming, 0.0) - 8000.0).abs() < 1e-9);
        assert!((spin(forming, 0.28) - 1.0 / (0.28 / 100.0 + 0.72 / 8000.0)).abs() < 1e-9);
        assert!((spin(forming, 1.0) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn line_width_is_thermal_plus_turbulent_and_capped() {
        let model = HiModel { sigma_turb_km_s: 0.0, ..HiModel::default() };
        let hot = GasState { energy_km2_s2: 1e4, ..cell() };
        // sqrt(k 1e4 K/m_H) = 9.083 km/s
        assert!((hot.neutral_gas(&model, &Surroundings::SOLAR).sigma_km_s - 9.083).abs() < 1e-3);
        let forming = GasState { star_forming: true, ..hot };
        assert!((forming.neutral_gas(&model, &Surroundings::SOLAR).sigma_km_s - 9.083 * 0.8f64.sqrt()).abs() < 1e-3);
        let turbulent = HiModel { sigma_turb_km_s: 12.0, ..model };
        assert!(
            (hot.neutral_gas(&turbulent, &Surroundings::SOLAR).sigma_km_s.powi(2) - (9.083f64.powi(2) + 144.0)).abs()
                < 0.02
        );
        // colder cells keep their own temperature
        let cold = GasState { energy_km2_s2: 10.0, ..cell() };
        let model = HiModel { sigma_turb_km_s: 0.0, ..HiModel::default() };
        assert!((cold.neutral_gas(&model, &Surroundings::SOLAR).sigma_km_s - 9.083 * 0.098493f64.sqrt()).abs() < 1e-3);
    }

    #[test]
    fn the_jeans_column_is_density_times_jeans_length() {
        // u = 100 (km/s)^2: c_s = 10.541 km/s; rho = 0.1 m_p/0.76/cm^3: c_s sqrt(rho/G) = 1.91411e-2 kg/m^2 =
        // 9.1656 Msun/pc^2, worked out apart
        let column = cell().jeans_column_kg_m2();
        assert!((column / 1.91411e-2 - 1.0).abs() < 1e-5, "{column}");
        assert!((column * PC_M * PC_M / MSUN_KG - 9.1656).abs() < 1e-3);
        // 4 times the density or the energy: twice the column
        let denser = GasState { density_kg_m3: 4.0 * cell().density_kg_m3, ..cell() };
        let warmer = GasState { energy_km2_s2: 400.0, ..cell() };
        assert!((denser.jeans_column_kg_m2() / column - 2.0).abs() < 1e-12);
        assert!((warmer.jeans_column_kg_m2() / column - 2.0).abs() < 1e-12);
    }

    #[test]
    fn two_phases_mix_back_to_their_share() {
        for n in [0.05, 0.13, 1.0, 30.0] {
            let (cold, hot) = two_phase_energies_km2_s2(0.74, n);
            for share in [0.0, 0.3, 0.9, 1.0] {
                let u = share * cold + (1.0 - share) * hot;
                assert!((cold_mass_fraction(u, 0.74, n) - share).abs() < 1e-12, "{n} {share}");
            }
            assert_eq!(cold_mass_fraction(0.5 * cold, 0.74, n), 1.0);
            assert_eq!(cold_mass_fraction(2.0 * hot, 0.74, n), 0.0);
        }
        // at the threshold the hot phase is at 1e3 + 5.73e7/574 K = 1.0083e5 K
        let (_, hot) = two_phase_energies_km2_s2(0.76, 0.13);
        let state = GasState { energy_km2_s2: hot, electron_abundance: 1.0 + 0.24 / 1.52, ..cell() };
        assert!((state.temperature_k() / 100_826.0 - 1.0).abs() < 1e-4, "{}", state.temperature_k());
    }

    #[test]
    fn each_correction_can_be_switched_off() {
        let (cold, hot) = two_phase_energies_km2_s2(0.76, 0.5);
        let state = GasState {
            density_kg_m3: 0.5e6 * M_P_KG / 0.76,
            energy_km2_s2: 0.8 * cold + 0.2 * hot,
            star_forming: true,
            ..cell()
        };
        let plain = HiModel { star_forming_correction: false, h2: H2Model::None, ..HiModel::default() };
        assert_eq!(state.neutral_gas(&plain, &Surroundings::SOLAR).atomic_fraction(), 0.9);
        let corrected = HiModel { h2: H2Model::None, ..HiModel::default() };
        assert!((state.neutral_gas(&corrected, &Surroundings::SOLAR).atomic_fraction() - 0.8).abs() < 1e-12);
        let full = state.neutral_gas(&HiModel::default(), &Surroundings::SOLAR);
        // P/k = rho u (gamma-1) f_n/k, by hand: n_H/X k^-1 ...
        let p = 0.5 / 0.76 * M_P_KG * (2.0 / 3.0) * state.energy_km2_s2 * 1e6 * 0.8 / K_B_J_K;
        let ratio = (p / 4.3e4).powf(0.92);
        assert!((full.molecular_fraction - ratio / (1.0 + ratio)).abs() < 1e-12);
        assert!((full.atomic_fraction() - 0.8 / (1.0 + ratio)).abs() < 1e-12);
    }
}
