//! What a file does not state about its gas, by stated rules.

use super::CodeUnits;
use crate::error::{Error, Result};
use crate::formats::snapshot::Snapshot;
use crate::sky::neutral::{GAMMA, GasState, PRIMORDIAL_HYDROGEN};
use crate::sky::rahmati::UvBackground;
use crate::units::{K_B_J_K, M_P_KG};
use std::f64::consts::PI;

/// Temperature at which star-forming gas of an equation of state is taken to be ionised and to recombine, K (Rahmati et
/// al. 2013b; it is warm neutral gas where it is shielded).
const STAR_FORMING_K: f64 = 1e4;

/// Fills the columns that the file does not have, and adds a note for each:
///
/// - density: mass over the volume of the smoothing length, 4/3 pi h^3;
/// - hydrogen fraction: 0.76;
/// - star formation: none;
/// - neutral fraction: Rahmati et al. (2013) at the snapshot's redshift; star-forming gas at 1e4 K;
/// - temperature, where there is an internal energy without electrons: the one at which the equilibrium of the neutral
///   fraction gives that energy;
/// - internal energy and electrons: those that give the temperature.
///
/// Error: a redshift for which no ultraviolet background is known, where one is needed.
pub fn complete(snapshot: &mut Snapshot) -> Result<()> {
    let units = CodeUnits::of(&snapshot.header);
    let redshift = 1.0 / snapshot.header.time - 1.0;
    let Snapshot { gas, notes, .. } = snapshot;
    let cells = gas.len();
    if gas.density.is_empty() {
        let of = |(m, h): (&f64, &f64)| m / (4.0 / 3.0 * PI * h.powi(3));
        gas.density = gas.mass.iter().zip(&gas.smoothing_length).map(of).collect();
        notes.push("no density: mass over 4/3 pi smoothing_length^3".into());
    }
    if gas.hydrogen_fraction.is_empty() {
        gas.hydrogen_fraction = vec![PRIMORDIAL_HYDROGEN; cells];
        notes.push(format!("no hydrogen fraction: {PRIMORDIAL_HYDROGEN} assumed"));
    }
    if gas.star_formation_rate.is_empty() {
        gas.star_formation_rate = vec![0.0; cells];
        notes.push("no star formation rate: no gas counts as star-forming".into());
    }
    let (neutral, electrons) = (!gas.neutral_abundance.is_empty(), !gas.electron_abundance.is_empty());
    let (energy, temperature) = (!gas.internal_energy.is_empty(), !gas.temperature_k.is_empty());
    if neutral && electrons && energy && !temperature {
        return Ok(());
    }
    let background = if neutral { None } else { Some(UvBackground::at(redshift)?) };
    if !neutral {
        notes.push("no neutral fraction: ionisation equilibrium with self-shielding (Rahmati et al. 2013)".into());
    }
    if !temperature && !electrons {
        notes.push("no temperature and no electrons: those of the neutral fraction and the internal energy".into());
    }
    let mut states = Vec::with_capacity(cells);
    for i in 0..cells {
        let stated = |column: &[f64]| column.get(i).copied();
        let mut state = GasState {
            density_kg_m3: gas.density[i] * units.density_kg_m3,
            energy_km2_s2: stated(&gas.internal_energy).unwrap_or(0.0) * units.energy_km2_s2,
            hydrogen_fraction: gas.hydrogen_fraction[i],
            electron_abundance: stated(&gas.electron_abundance).unwrap_or(0.0),
            neutral_abundance: stated(&gas.neutral_abundance).unwrap_or(0.0),
            star_forming: gas.star_formation_rate[i] > 0.0,
        };
        let n_h = state.n_h_cm3();
        // the neutral fraction if the gas has this temperature
        let neutral_at = |t: f64| match &background {
            None => state.neutral_abundance,
            Some(uv) => uv.neutral_fraction(n_h, if state.star_forming { STAR_FORMING_K } else { t }),
        };
        let t = match stated(&gas.temperature_k) {
            Some(t) => t,
            None if electrons => state.temperature_k(),
            None => equilibrium_temperature(&state, neutral_at),
        };
        let neutral_abundance = neutral_at(t);
        state.neutral_abundance = neutral_abundance;
        if !electrons {
            state.electron_abundance = electrons_of(neutral_abundance, state.hydrogen_fraction);
        }
        if energy {
            // temperature and energy together tell the mean weight, and so the electrons
            let weight = K_B_J_K * t / ((GAMMA - 1.0) * state.energy_km2_s2 * 1e6 * M_P_KG);
            let x = state.hydrogen_fraction;
            if weight.is_finite() && weight > 0.0 {
                state.electron_abundance = (4.0 / weight - 1.0 - 3.0 * x) / (4.0 * x);
            }
        } else {
            let joule_kg = K_B_J_K * t / ((GAMMA - 1.0) * state.mean_molecular_weight() * M_P_KG);
            state.energy_km2_s2 = joule_kg * 1e-6;
        }
        if !(state.energy_km2_s2.is_finite() && state.electron_abundance.is_finite()) {
            return Err(Error::input("the temperature of a cell cannot be told")
                .found(format!("temperature {t} K, hydrogen fraction {}", state.hydrogen_fraction))
                .expected("a temperature and a hydrogen fraction above 0"));
        }
        states.push(state);
    }
    gas.internal_energy = states.iter().map(|s| s.energy_km2_s2 / units.energy_km2_s2).collect();
    gas.electron_abundance = states.iter().map(|s| s.electron_abundance).collect();
    gas.neutral_abundance = states.iter().map(|s| s.neutral_abundance).collect();
    Ok(())
}

/// Electrons per hydrogen nucleus where a share of the hydrogen is neutral and helium, once ionised, goes with it.
pub(super) fn electrons_of(neutral: f64, hydrogen_fraction: f64) -> f64 {
    let helium = (1.0 - hydrogen_fraction) / (4.0 * hydrogen_fraction);
    (1.0 - neutral.min(1.0)) * (1.0 + helium)
}

/// The temperature at which gas of this energy has the neutral fraction that belongs to the temperature.
fn equilibrium_temperature(state: &GasState, neutral_at: impl Fn(f64) -> f64) -> f64 {
    let of_neutral =
        |f: f64| GasState { electron_abundance: electrons_of(f, state.hydrogen_fraction), ..*state }.temperature_k();
    // hotter gas is more ionised, lighter, and so colder at its energy: one crossing
    let (mut low, mut high) = (of_neutral(0.0), of_neutral(1.0));
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if of_neutral(neutral_at(middle)) > middle {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}
