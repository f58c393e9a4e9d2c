use crate::error::{Error, Result};
use crate::math::random::Stream;

/// What a made galaxy is like. [`GalaxyParams::default`] is the galaxy of the demo.
#[derive(Debug, Clone, PartialEq)]
pub struct GalaxyParams {
    /// Seed of everything that is drawn: turbulence, holes, cell positions.
    pub seed: u64,
    /// HI mass that the reader's default model shall find, Msun.
    pub hi_mass_msun: f64,
    /// Radius where the HI column falls to 1 Msun/pc^2, kpc.
    pub hi_radius_kpc: f64,
    /// Number of gas cells.
    pub n_cells: usize,
    /// Redshift of the file; positions and velocities are physical whatever it is.
    pub redshift: f64,
    /// Rotation speed of the flat part, km/s.
    pub v_flat_km_s: f64,
    /// Radius over which the rotation rises, kpc: V = v_flat (1 - exp(-R/R_t)).
    pub turnover_kpc: f64,
    /// Central depression A of the column exp(-R/R_s)/(1 + A exp(-1.6 R/R_s)), R_s = 0.19 times
    /// `hi_radius_kpc` (the form of Wang et al. 2014); molecules deepen it in the HI.
    pub central_depression: f64,
    /// Scale height (sech^2) of the gas in the centre, kpc.
    pub scale_height_kpc: f64,
    /// Factor by which the disc is thicker at `hi_radius_kpc` (exponential flare).
    pub flare: f64,
    /// Tilt of the outer disc reached at 1.5 `hi_radius_kpc`, deg (0 for no warp).
    pub warp_deg: f64,
    /// Number of spiral arms.
    pub arms: usize,
    /// Pitch angle of the arms, deg.
    pub pitch_deg: f64,
    /// Natural logarithm of arm over inter-arm density, about half of the total contrast.
    pub arm_strength: f64,
    /// Dispersion of the logarithm of density made by turbulence.
    pub turbulence_ln: f64,
    /// Slope of the three-dimensional power spectrum of ln density (Kolmogorov: -11/3).
    pub spectral_slope: f64,
    /// One-dimensional dispersion of resolved turbulent motion, km/s.
    pub turbulence_km_s: f64,
    /// Number of holes blown by star formation.
    pub holes: usize,
    /// Share of one side's excess: the disc's lopsidedness (m = 1), 0 to about 0.4.
    pub lopsidedness: f64,
    /// Metal mass fraction in the centre.
    pub central_metallicity: f64,
    /// Fall of log10 metallicity from the centre to `hi_radius_kpc`.
    pub metallicity_fall_dex: f64,
    /// Ordered magnetic field in gas of 1 hydrogen nucleus per cm^3, microgauss.
    pub field_ug: f64,
}

impl Default for GalaxyParams {
    fn default() -> GalaxyParams {
        GalaxyParams {
            seed: 42,
            hi_mass_msun: 6e9,
            hi_radius_kpc: hi_radius_kpc(6e9),
            n_cells: 80_000,
            redshift: 0.0,
            v_flat_km_s: 165.0,
            turnover_kpc: 2.2,
            central_depression: 110.0,
            scale_height_kpc: 0.25,
            flare: 2.5,
            warp_deg: 4.0,
            arms: 2,
            pitch_deg: 17.0,
            arm_strength: 0.85,
            turbulence_ln: 0.95,
            spectral_slope: -3.3,
            turbulence_km_s: 6.0,
            holes: 130,
            lopsidedness: 0.12,
            central_metallicity: 0.02,
            metallicity_fall_dex: 0.6,
            field_ug: 6.0,
        }
    }
}

/// R_HI of the mass-size relation, kpc: log10 D_HI = 0.506 log10 M_HI - 3.293 (Wang et al. 2016).
fn hi_radius_kpc(hi_mass_msun: f64) -> f64 {
    0.5 * 10f64.powf(0.506 * hi_mass_msun.log10() - 3.293)
}

impl GalaxyParams {
    /// A galaxy drawn with `seed`: log10 M_HI normal about 9.55 +- 0.3 within 8.7 to 10.3, size
    /// and speed from their relations with scatter, the rest within what nearby spirals show.
    pub fn random(seed: u64) -> GalaxyParams {
        let mut draw = Stream::new(seed, [1, 0, 0]);
        let log_mass = (9.55 + 0.3 * draw.normal()).clamp(8.7, 10.3);
        let hi_mass_msun = 10f64.powf(log_mass);
        let mut within = |low: f64, high: f64| low + (high - low) * draw.uniform();
        let arms = [2, 2, 3, 4][(within(0.0, 4.0) as usize).min(3)];
        let (pitch_deg, arm_strength) = (within(11.0, 27.0), within(0.35, 0.95));
        let (turbulence_ln, spectral_slope) = (within(0.75, 1.1), within(-3.6, -3.1));
        let central_depression = 10f64.powf(within(1.4, 2.3));
        let (flare, warp_deg) = (within(2.0, 4.5), within(0.0, 10.0));
        let (lopsidedness, holes) = (within(0.0, 0.3), within(60.0, 180.0) as usize);
        let (scale_height, turnover, fall) = (within(0.8, 1.2), within(0.07, 0.16), within(0.3, 0.9));
        let (turbulence_km_s, field_ug) = (within(5.0, 9.0), within(3.0, 9.0));
        // 0.06 dex of scatter about the mass-size relation
        let radius = hi_radius_kpc(hi_mass_msun) * 10f64.powf(0.06 * draw.normal());
        // M_baryon = 47 (V/km/s)^4 Msun (McGaugh 2012), with M_baryon = 3 M_HI: as much again in
        // stars, helium and molecules as spirals of this mass typically have
        let v_flat = (3.0 * hi_mass_msun / 47.0).powf(0.25) * 10f64.powf(0.04 * draw.normal());
        GalaxyParams {
            seed,
            hi_mass_msun,
            hi_radius_kpc: radius,
            n_cells: 80_000,
            redshift: 0.0,
            v_flat_km_s: v_flat,
            turnover_kpc: turnover * radius,
            central_depression,
            scale_height_kpc: 0.25 * scale_height * (radius / 18.0).powf(0.3),
            flare,
            warp_deg,
            arms,
            pitch_deg,
            arm_strength,
            turbulence_ln,
            spectral_slope,
            turbulence_km_s,
            holes,
            lopsidedness,
            // mass-metallicity relation of nearby discs, about 0.3 dex a decade of mass
            central_metallicity: 0.018 * 10f64.powf(0.3 * (log_mass - 9.7)),
            metallicity_fall_dex: fall,
            field_ug,
        }
    }

    /// The same galaxy with another HI mass; size, speed, thickness and metallicity follow the
    /// relations that [`GalaxyParams::random`] draws about.
    pub fn with_hi_mass(mut self, hi_mass_msun: f64) -> GalaxyParams {
        let mass = hi_mass_msun / self.hi_mass_msun;
        let size = hi_radius_kpc(hi_mass_msun) / hi_radius_kpc(self.hi_mass_msun);
        self.hi_mass_msun = hi_mass_msun;
        self.hi_radius_kpc *= size;
        self.turnover_kpc *= size;
        self.scale_height_kpc *= size.powf(0.3);
        self.v_flat_km_s *= mass.powf(0.25);
        self.central_metallicity *= mass.powf(0.3);
        self
    }

    /// Refuses parameters that no disc can have.
    pub(super) fn check(&self) -> Result<()> {
        let positive = [
            ("hi_mass_msun", self.hi_mass_msun),
            ("hi_radius_kpc", self.hi_radius_kpc),
            ("v_flat_km_s", self.v_flat_km_s),
            ("turnover_kpc", self.turnover_kpc),
            ("scale_height_kpc", self.scale_height_kpc),
            ("flare", self.flare),
        ];
        for (name, value) in positive {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::input(format!("galaxy parameter {name} is impossible"))
                    .found(value)
                    .expected("a finite number above 0"));
            }
        }
        let ranges = [
            ("n_cells", self.n_cells as f64, 100.0, 1e9),
            ("redshift", self.redshift, 0.0, 20.0),
            ("central_depression", self.central_depression, 0.0, 1e4),
            ("pitch_deg", self.pitch_deg, 1.0, 89.0),
            ("arm_strength", self.arm_strength, 0.0, 3.0),
            ("turbulence_ln", self.turbulence_ln, 0.0, 2.0),
            ("spectral_slope", self.spectral_slope, -6.0, 0.0),
            ("turbulence_km_s", self.turbulence_km_s, 0.0, 100.0),
            ("warp_deg", self.warp_deg, -60.0, 60.0),
            ("lopsidedness", self.lopsidedness, 0.0, 0.9),
            ("holes", self.holes as f64, 0.0, 1e5),
            ("arms", self.arms as f64, 0.0, 100.0),
            ("central_metallicity", self.central_metallicity, 0.0, 0.1),
            ("metallicity_fall_dex", self.metallicity_fall_dex, 0.0, 10.0),
            ("field_ug", self.field_ug, 0.0, 1e3),
        ];
        for (name, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return Err(Error::input(format!("galaxy parameter {name} is impossible"))
                    .found(value)
                    .expected(format!("{low} to {high}")));
            }
        }
        Ok(())
    }
}
