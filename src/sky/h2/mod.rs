//! How much of the neutral hydrogen is molecular: one model a file, behind [`H2Model`].
//!
//! The models are used cell by cell. Their surface density is the cell's density times its Jeans length
//! ([`crate::sky::neutral::GasState::jeans_column_kg_m2`]), as in the volumetric variant of Diemer et al. (2018, ApJS 238,
//! 33), or the one at the cell of the object seen face-on, as in their projected variant ([`Columns`]).

mod blitz_rosolowsky;
mod gnedin_draine;
mod gnedin_kravtsov;
mod krumholz;
mod leroy;
mod mckee_krumholz;
pub mod radiation;

/// Model of the molecular fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum H2Model {
    /// All neutral hydrogen is atomic.
    None,
    /// Pressure law of Blitz & Rosolowsky (2006).
    #[default]
    BlitzRosolowsky2006,
    /// Pressure law of Leroy et al. (2008).
    Leroy2008,
    /// Simulations of Gnedin & Kravtsov (2011).
    GnedinKravtsov2011,
    /// Simulations of Gnedin & Draine (2014), with their erratum.
    GnedinDraine2014,
    /// Shielded clouds in two-phase equilibrium: McKee & Krumholz (2010).
    McKeeKrumholz2010,
    /// The same, with clouds in hydrostatic equilibrium where there is little radiation: Krumholz (2013).
    Krumholz2013,
}

/// What the models ask of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// Thermal pressure of the neutral gas over k, K cm^-3.
    pub pressure_over_k: f64,
    /// Surface density of neutral hydrogen (HI and H2, no helium), Msun/pc^2.
    pub column_msun_pc2: f64,
    /// What is around the gas.
    pub surroundings: Surroundings,
}

/// Dust, radiation and scale of one cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surroundings {
    /// Dust-to-gas ratio over the Milky Way's.
    pub dust_mw: f64,
    /// Radiation at 1000 Angstrom in units of the local field of Draine (1978).
    pub uv_mw: f64,
    /// Side of the volume over which the fraction is averaged, pc: the cube root of the cell's, or the pixel of
    /// [`Columns::FaceOn`] where that is larger.
    pub scale_pc: f64,
    /// Surface density of the neutral hydrogen of the object seen face-on, Msun/pc^2; None: over the Jeans length.
    pub face_on_msun_pc2: Option<f64>,
}

/// What the surface density of a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Columns {
    /// Density times Jeans length.
    #[default]
    JeansLength,
    /// That of the object, seen along the spin of its neutral hydrogen, at the cell.
    FaceOn {
        /// Size of the pixels, kpc.
        pixel_kpc: f64,
    },
}

impl Columns {
    /// Pixels of face-on surface densities where none are asked for, kpc: below the softening of TNG50's stars at z = 0,
    /// 0.29 kpc (Pillepich et al. 2019).
    pub const DEFAULT_PIXEL_KPC: f64 = 0.2;

    /// The word of configurations and headers.
    pub fn word(self) -> &'static str {
        match self {
            Columns::JeansLength => "volumetric",
            Columns::FaceOn { .. } => "projected",
        }
    }
}

/// Metallicity at which the dust-to-gas ratio is the Milky Way's (Lagos et al. 2015; Diemer et al. 2018).
pub const SOLAR_METALLICITY: f64 = 0.0127;

impl Surroundings {
    /// Those of the sun. Models of pressure alone look at none of it.
    pub const SOLAR: Surroundings = Surroundings { dust_mw: 1.0, uv_mw: 1.0, scale_pc: 100.0, face_on_msun_pc2: None };
}

/// What the models leave open.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct H2Settings {
    /// Share of the ultraviolet light that leaves the neighbourhood of its stars.
    pub uv_escape_fraction: f64,
    /// Largest radius of a group of star-forming cells that counts as one source, over its distance; the relative
    /// error of the radiation is below its square. 0 sums over all cells.
    pub uv_opening: f64,
    /// Column of clouds over that of the gas around them, f_c of McKee & Krumholz (2010) and Krumholz (2013).
    pub clumping: f64,
    /// Density of stars and dark matter in the midplane, Msun/pc^3 (Krumholz 2013).
    pub stars_and_dark_msun_pc3: f64,
    /// Surface densities; models of pressure look at none.
    pub columns: Columns,
}

impl Default for H2Settings {
    /// A tenth of the light escapes (Diemer et al. 2018); clumping 5, for gas seen at about a kpc, and 0.01 Msun/pc^3,
    /// the sun's neighbourhood (Krumholz 2013); radiation to better than 10 %, far below what else is uncertain in it.
    fn default() -> H2Settings {
        H2Settings {
            uv_escape_fraction: 0.1,
            uv_opening: 0.3,
            clumping: 5.0,
            stars_and_dark_msun_pc3: 0.01,
            columns: Columns::JeansLength,
        }
    }
}

impl H2Model {
    /// All of them, in the order of tables.
    pub const ALL: [H2Model; 7] = [
        H2Model::None,
        H2Model::BlitzRosolowsky2006,
        H2Model::Leroy2008,
        H2Model::GnedinKravtsov2011,
        H2Model::GnedinDraine2014,
        H2Model::McKeeKrumholz2010,
        H2Model::Krumholz2013,
    ];

    /// The word of configurations, tables and headers.
    pub fn word(self) -> &'static str {
        match self {
            H2Model::None => "none",
            H2Model::BlitzRosolowsky2006 => "BR06",
            H2Model::Leroy2008 => "L08",
            H2Model::GnedinKravtsov2011 => "GK11",
            H2Model::GnedinDraine2014 => "GD14",
            H2Model::McKeeKrumholz2010 => "MK10",
            H2Model::Krumholz2013 => "K13",
        }
    }

    /// The paper.
    pub fn paper(self) -> &'static str {
        match self {
            H2Model::None => "all neutral hydrogen atomic",
            H2Model::BlitzRosolowsky2006 => "Blitz & Rosolowsky 2006",
            H2Model::Leroy2008 => "Leroy et al. 2008",
            H2Model::GnedinKravtsov2011 => "Gnedin & Kravtsov 2011",
            H2Model::GnedinDraine2014 => "Gnedin & Draine 2014",
            H2Model::McKeeKrumholz2010 => "McKee & Krumholz 2010",
            H2Model::Krumholz2013 => "Krumholz 2013",
        }
    }

    /// The model of a word.
    pub fn named(word: &str) -> Option<H2Model> {
        H2Model::ALL.into_iter().find(|model| model.word() == word)
    }

    /// Whether it looks at [`Surroundings`].
    pub fn needs_surroundings(self) -> bool {
        !matches!(self, H2Model::None | H2Model::BlitzRosolowsky2006 | H2Model::Leroy2008)
    }

    /// H2/(HI + H2), from 0 to 1.
    pub fn fraction(self, gas: &Conditions, settings: &H2Settings) -> f64 {
        let Conditions { pressure_over_k, column_msun_pc2: column, surroundings: around } = *gas;
        if column <= 0.0 {
            return 0.0;
        }
        match self {
            H2Model::None => 0.0,
            H2Model::BlitzRosolowsky2006 => blitz_rosolowsky::fraction(pressure_over_k),
            H2Model::Leroy2008 => leroy::fraction(pressure_over_k),
            H2Model::GnedinKravtsov2011 => gnedin_kravtsov::fraction(column, around.dust_mw, around.uv_mw),
            H2Model::GnedinDraine2014 => gnedin_draine::fraction(column, around.dust_mw, around.uv_mw, around.scale_pc),
            H2Model::McKeeKrumholz2010 => mckee_krumholz::fraction(settings.clumping * column, around.dust_mw),
            H2Model::Krumholz2013 => krumholz::fraction(column, &around, settings),
        }
    }
}

/// R/(1 + R) for R = H2/HI.
fn of_ratio(ratio: f64) -> f64 {
    // not the other way round, which is NaN for an infinite ratio
    1.0 - 1.0 / (1.0 + ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud(column: f64, dust_mw: f64, uv_mw: f64) -> Conditions {
        // pressure of a self-gravitating layer, pi G/2 Sigma^2 = 0.33e2 K cm^-3 (Sigma/Msun pc^-2)^2
        let pressure_over_k = 33.0 * column * column;
        Conditions {
            pressure_over_k,
            column_msun_pc2: column,
            surroundings: Surroundings { dust_mw, uv_mw, scale_pc: 500.0, face_on_msun_pc2: None },
        }
    }

    #[test]
    fn words_lead_back_to_their_models() {
        for model in H2Model::ALL {
            assert_eq!(H2Model::named(model.word()), Some(model));
        }
        assert_eq!(H2Model::named("BR07"), None);
        assert_eq!(H2Model::default().word(), "BR06");
    }

    #[test]
    fn fractions_are_fractions_and_grow_with_the_column() {
        let settings = H2Settings::default();
        let columns = [0.0, 1e-4, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e5];
        for model in H2Model::ALL {
            for dust in [0.0, 1e-4, 0.01, 0.1, 0.3, 1.0, 3.0] {
                for uv in [0.0, 1e-3, 0.1, 1.0, 10.0, 1e3] {
                    let values = columns.map(|column| model.fraction(&cloud(column, dust, uv), &settings));
                    assert!(values.iter().all(|v| (0.0..=1.0).contains(v)), "{model:?} {dust} {uv}: {values:?}");
                    assert!(values.is_sorted(), "{model:?} {dust} {uv}: {values:?}");
                    assert_eq!(values[0], 0.0);
                }
            }
            let expected = if model == H2Model::None { 0.0 } else { 0.99 };
            assert!(model.fraction(&cloud(1e5, 1.0, 1.0), &settings) >= expected, "{model:?}");
        }
    }

    #[test]
    fn fractions_grow_with_dust_where_there_is_less_molecular_than_atomic_gas() {
        let settings = H2Settings::default();
        for model in H2Model::ALL.into_iter().filter(|model| model.needs_surroundings()) {
            for column in [0.1, 1.0, 3.0, 10.0] {
                for uv in [1e-3, 0.1, 1.0, 10.0, 100.0] {
                    let of = |dust: f64| model.fraction(&cloud(column, dust, uv), &settings);
                    let mut values = [0.0, 1e-4, 0.01, 0.1, 0.3, 1.0, 3.0].map(of).to_vec();
                    // beyond, the slope of GD14, which falls with dust, works the other way
                    values.retain(|f| *f < 0.5);
                    assert!(values.is_sorted(), "{model:?} {column} {uv}: {values:?}");
                }
            }
        }
    }

    #[test]
    fn radiation_takes_molecules_away() {
        // not so in MK10, where it cancels, and in GK11 only with little dust: Sigma_c falls with U D^2
        let settings = H2Settings::default();
        let models =
            [(H2Model::GnedinKravtsov2011, 0.1), (H2Model::GnedinDraine2014, 1.0), (H2Model::Krumholz2013, 1.0)];
        for (model, dust) in models {
            let of = |uv: f64| model.fraction(&cloud(6.0, dust, uv), &settings);
            let values = [1e-3, 0.01, 0.1, 1.0, 10.0].map(of);
            // K13 comes from a search to 1e-12
            let falls = values.windows(2).all(|pair| pair[1] <= pair[0] + 1e-11);
            assert!(falls && values[4] < values[0] - 0.1, "{model:?}: {values:?}");
        }
    }

    #[test]
    fn models_stand_to_each_other_as_their_papers_say() {
        let settings = H2Settings::default();
        let of = |model: H2Model, cloud: &Conditions| model.fraction(cloud, &settings);
        for column in [0.3, 1.0, 5.0, 20.0, 60.0] {
            for dust in [0.1, 1.0, 2.0] {
                for uv in [0.01, 1.0, 30.0] {
                    let cloud = cloud(column, dust, uv);
                    // 1.7e4^-0.8 P^0.8 is above 4.3e4^-0.92 P^0.92 up to P/k = 2.1e7 K cm^-3
                    assert!(of(H2Model::Leroy2008, &cloud) > of(H2Model::BlitzRosolowsky2006, &cloud));
                    // clouds of K13 are never thinner than those of MK10, but for its rounded coefficients
                    assert!(of(H2Model::Krumholz2013, &cloud) > of(H2Model::McKeeKrumholz2010, &cloud) - 0.01);
                }
            }
        }
        // K13 is MK10 where radiation is strong; it is not where there is little
        let (strong, weak) = (cloud(8.0, 1.0, 1e3), cloud(8.0, 1.0, 0.01));
        assert!((of(H2Model::Krumholz2013, &strong) - of(H2Model::McKeeKrumholz2010, &strong)).abs() < 0.005);
        assert!(of(H2Model::Krumholz2013, &weak) > of(H2Model::McKeeKrumholz2010, &weak) + 0.05);
    }
}
