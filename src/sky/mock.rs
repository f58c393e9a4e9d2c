//! The 2-D pair of a data set: the map of brightness temperature, and the flux density that a mock of it observes.
//!
//! The mock sees the line averaged over one stated band: S = M_HI(pixel) / (49.7 D_L^2 dnu), the mean over the channels
//! of a flux cube that fills the band. T_b is column over one length, so both are the same projection of mass and differ
//! by a factor: T_b = k M/A, S = j M, S/T_b = j A/k with A the pixel's area (1/n across the image, which on a degree is
//! 4e-5).

use super::cells::GasCells;
use super::maps::{MapRequest, draw_hi_mass};
use super::motion::{Motion, Systemic};
use super::orient::Rotation;
use super::placing::Placement;
use super::profile::{LINE_REACH_SIGMA, LineProfile};
use crate::error::{Error, Result, Watch};
use crate::sky::band::{BAND_SHARE, format_range};
use crate::units::hi::mass_per_mpc2_jy_hz;
use crate::units::{Dimension, format_quantity};
use ndarray::{Array2, Zip};
use rayon::prelude::*;

/// Cells that one task sums: the same sum for any number of threads.
const CHUNK_CELLS: usize = 4096;

/// The band that a 2-D mock averages over, and how lines stand in it: as in [`crate::sky::products::CubeRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LineBand {
    /// Lower edge, Hz, in the frame of the placement's line ([`Placement::line_freq_hz`]).
    pub low_hz: f64,
    /// Upper edge, Hz.
    pub high_hz: f64,
    /// What happens to the object's mean velocity.
    pub systemic: Systemic,
    /// Whether the Hubble flow across the object adds to the velocities.
    pub hubble_flow: bool,
}

impl LineBand {
    /// A band of `width_hz` about the line of an object at rest, mean velocity removed, Hubble flow on.
    pub fn centred(placement: &Placement, width_hz: f64) -> LineBand {
        let line_hz = placement.line_freq_hz();
        LineBand {
            low_hz: line_hz - 0.5 * width_hz,
            high_hz: line_hz + 0.5 * width_hz,
            systemic: Systemic::Zero,
            hubble_flow: true,
        }
    }

    /// Width, Hz.
    pub fn width_hz(&self) -> f64 {
        self.high_hz - self.low_hz
    }

    /// Mean flux density over the band of one Msun, Jy.
    pub fn jy_per_msun(&self, placement: &Placement) -> f64 {
        1.0 / (mass_per_mpc2_jy_hz() * placement.luminosity_distance_mpc.powi(2) * self.width_hz())
    }

    /// Share of the line's flux inside the band, the lines of the cells being Gaussian. Equal for any number of threads.
    ///
    /// # Errors
    /// A share below [`BAND_SHARE`], with the band that would hold it; no HI; an impossible band; gas that would be
    /// faster than light.
    pub fn share(&self, cells: &GasCells, rotation: &Rotation, placement: &Placement) -> Result<f64> {
        placement.check()?;
        if !(self.low_hz > 0.0 && self.high_hz > self.low_hz && self.high_hz.is_finite()) {
            return Err(Error::input("the band of the line is not one of positive frequencies")
                .found(format!("{} Hz to {} Hz", self.low_hz, self.high_hz)));
        }
        let total = cells.total_hi_msun();
        if !(total > 0.0 && total.is_finite()) {
            return Err(Error::input("there is no HI whose line a band could hold")
                .found(format!("{} cells of {total} Msun", cells.len())));
        }
        let motion = Motion::new(cells, rotation, self.systemic, self.hubble_flow, placement);
        let profile = LineProfile::new();
        // frequency falls with velocity
        let (slow, fast) = (placement.velocity_km_s(self.high_hz), placement.velocity_km_s(self.low_hz));
        let share = inside(cells, rotation, &motion, &profile, [slow, fast])? / total;
        if share >= BAND_SHARE {
            // sums round
            return Ok(share.min(1.0));
        }
        let mut error = Error::input("the band does not hold enough of the line")
            .found(format!("{:.3} % of its flux in {}", 100.0 * share, format_range([self.low_hz, self.high_hz])))
            .expected(format!("at least {:.1} %", 100.0 * BAND_SHARE));
        if let Some(width_hz) = self.needed(cells, rotation, &motion, &profile, placement, total)? {
            let width = format_quantity(width_hz, Dimension::Frequency);
            error = error.hint(format!("a band of {width} about the same frequency holds it"));
        }
        Err(error)
    }

    /// Width of the narrowest band about the same middle that holds [`BAND_SHARE`] of the line, Hz, to 1 % and rounded
    /// up; `None` where velocities or widths are no numbers.
    fn needed(
        &self,
        cells: &GasCells,
        rotation: &Rotation,
        motion: &Motion,
        profile: &LineProfile,
        placement: &Placement,
        total: f64,
    ) -> Result<Option<f64>> {
        let middle = 0.5 * (self.low_hz + self.high_hz);
        let holds = |width: f64| -> Result<bool> {
            let edges = [middle + 0.5 * width, middle - 0.5 * width].map(|f| placement.velocity_km_s(f));
            Ok(inside(cells, rotation, motion, profile, edges)? >= BAND_SHARE * total)
        };
        let (mut low, mut high) = (self.width_hz(), 2.0 * self.width_hz());
        while !holds(high)? {
            (low, high) = (high, 2.0 * high);
            if high >= 2.0 * middle {
                return Ok(None);
            }
        }
        while high > 1.01 * low {
            let width = 0.5 * (low + high);
            if holds(width)? { high = width } else { low = width }
        }
        Ok(Some(high))
    }
}

/// Mass whose line lies between two velocities, Msun.
fn inside(
    cells: &GasCells,
    rotation: &Rotation,
    motion: &Motion,
    profile: &LineProfile,
    [slow, fast]: [f64; 2],
) -> Result<f64> {
    let away = rotation.rows[2];
    let one = |i: usize| -> Result<f64> {
        let mass = cells.hi_mass_msun[i];
        if mass <= 0.0 {
            return Ok(0.0);
        }
        let [x, y, z] = cells.position_kpc[i];
        let depth = away[0] * x + away[1] * y + away[2] * z;
        let (v, sigma) = (motion.velocity_km_s(rotation.apply(cells.velocity_km_s[i]), depth)?, cells.sigma_km_s[i]);
        let reach = LINE_REACH_SIGMA * sigma;
        if v - reach >= slow && v + reach < fast {
            return Ok(mass);
        }
        Ok(mass * (profile.below_edge(fast, v, sigma) - profile.below_edge(slow, v, sigma)))
    };
    let chunks = cells.len().div_ceil(CHUNK_CELLS);
    let sums = (0..chunks).into_par_iter().map(|chunk| {
        let range = chunk * CHUNK_CELLS..((chunk + 1) * CHUNK_CELLS).min(cells.len());
        range.map(one).sum::<Result<f64>>()
    });
    Ok(sums.collect::<Result<Vec<f64>>>()?.iter().sum())
}

/// The two planes of a 2-D pair, and what stands between them.
#[derive(Debug, Clone)]
pub struct LineMock {
    /// Cosmological brightness temperature, mK, [y, x]: [`crate::sky::maps::Domain::Tb`].
    pub tb_mk: Array2<f64>,
    /// Flux density of the line averaged over the band, Jy per pixel, [y, x].
    pub flux_jy: Array2<f64>,
    /// Share of the line's flux inside the band; `flux_jy` holds all of it.
    pub share_in_band: f64,
    /// `flux_jy` over `tb_mk` at the pixel of the image's centre.
    pub jy_per_mk: f64,
    /// HI mass of the cells, Msun.
    pub total_hi_msun: f64,
    /// The part of it outside the map, Msun.
    pub outside_msun: f64,
}

impl LineMock {
    /// Both planes from one map of HI mass ([`crate::sky::maps::Domain::HiMass`]) of `map`'s pixels.
    ///
    /// # Errors
    /// A map of another shape; an image beyond the hemisphere.
    pub fn of_mass(
        mass_msun: &Array2<f64>,
        share_in_band: f64,
        total_hi_msun: f64,
        outside_msun: f64,
        map: &MapRequest,
        band: &LineBand,
    ) -> Result<LineMock> {
        if mass_msun.dim() != (map.ny, map.nx) {
            return Err(Error::input("the map of HI mass has another shape than was asked for")
                .found(format!("{:?}", mass_msun.dim()))
                .expected(format!("{:?}", (map.ny, map.nx))));
        }
        let areas = map.areas_kpc2()?;
        let (per_surface, jy_per_msun) = (map.tb_mk_per_msun_kpc2(), band.jy_per_msun(&map.placement));
        Ok(LineMock {
            tb_mk: Zip::from(mass_msun).and(&areas).map_collect(|mass, area| mass / area * per_surface),
            flux_jy: mass_msun.mapv(|mass| mass * jy_per_msun),
            share_in_band,
            jy_per_mk: jy_per_msun * areas[[map.ny / 2, map.nx / 2]] / per_surface,
            total_hi_msun,
            outside_msun,
        })
    }
}

/// The 2-D pair of `cells` seen under `rotation`: one projection, and one pass over velocities. `watch` advances by one
/// unit a cell.
///
/// # Errors
/// Those of [`LineBand::share`] and of [`crate::sky::maps::draw`].
pub fn line_mock(
    cells: &GasCells,
    rotation: &Rotation,
    map: &MapRequest,
    band: &LineBand,
    watch: &Watch,
) -> Result<LineMock> {
    let share = band.share(cells, rotation, &map.placement)?;
    let mass = draw_hi_mass(cells, rotation, map, watch)?;
    LineMock::of_mass(&mass.values, share, mass.total, mass.outside, map, band)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;
    use crate::sky::band::Band;
    use crate::sky::maps::{Domain, MapObject, draw};
    use crate::sky::orient::Orientation;
    use crate::sky::products::{CubeRequest, build_cube};
    use crate::units::RaDec;

    /// A disc that turns, off the middle and moving.
    fn disc(count: usize) -> GasCells {
        let mut draw = Stream::new(4, [1, 2, 3]);
        let mut cells = GasCells { scale_factor: 1.0, ..GasCells::default() };
        for _ in 0..count {
            let (r, phi) = (12.0 * draw.uniform(), std::f64::consts::TAU * draw.uniform());
            let (s, c) = phi.sin_cos();
            cells.position_kpc.push([r * c + 2.0, r * s, 0.5 * draw.normal()]);
            cells.velocity_km_s.push([-150.0 * s + 300.0, 150.0 * c - 80.0, 40.0]);
            cells.hi_mass_msun.push(1e5 * draw.uniform());
            cells.volume_kpc3.push(0.05 + draw.uniform());
            cells.sigma_km_s.push(8.0 + 4.0 * draw.uniform());
        }
        cells
    }

    fn map_request() -> MapRequest {
        let placement = Placement::new(0.01, 0.0, 43.0, 0.7, 70.4).unwrap();
        let mut request = MapRequest::new(placement, RaDec::from_deg(30.0, -30.0), 48, 40, 3.2e-6);
        request.object = RaDec::from_lm(2.2 * request.cell_rad, -3.7 * request.cell_rad, request.centre);
        request
    }

    #[test]
    fn the_pair_is_that_of_the_maps_and_of_the_cube() {
        let (cells, map) = (disc(4000), map_request());
        for systemic in [Systemic::Zero, Systemic::Keep] {
            for hubble_flow in [true, false] {
                let orientation = Orientation::Euler { alpha_deg: 10.0, beta_deg: 65.0, gamma_deg: 40.0 };
                let rotation = orientation.rotation(&cells).unwrap();
                let width_hz = if systemic == Systemic::Keep { 6e6 } else { 2.4e6 };
                let band = LineBand { systemic, hubble_flow, ..LineBand::centred(&map.placement, width_hz) };
                let made = line_mock(&cells, &rotation, &map, &band, &Watch::silent()).unwrap();
                let object = MapObject { cells: cells.clone(), ..MapObject::default() };
                let tb = draw(&object, &[Domain::Tb], &rotation, &map, &Watch::silent()).unwrap();
                assert_eq!(made.tb_mk, tb[0].values);

                let width = width_hz / 24.0;
                let channels = Band::Given { first_hz: band.low_hz + 0.5 * width, channels: 24, width_hz: width };
                let mut request = CubeRequest::new(map.placement, map.centre, map.nx, map.ny, map.cell_rad, channels);
                (request.object, request.orientation) = (map.object, orientation);
                (request.systemic, request.hubble_flow) = (systemic, hubble_flow);
                let cube = build_cube(&cells, &request, &Watch::silent()).unwrap();
                let mean = cube.cube.flux_jy.mean_axis(ndarray::Axis(0)).unwrap();
                let peak = mean.iter().fold(0.0f64, |p, v| p.max(*v));
                let worst = (&made.flux_jy - &mean).iter().fold(0.0f64, |w, v| w.max(v.abs()));
                assert!(worst < 1e-4 * peak, "{systemic:?} {hubble_flow}: {worst} of {peak}");
                assert!((made.share_in_band - (1.0 - cube.flux_lost_fraction_band)).abs() < 1e-6);
                let (y, x) = (map.ny / 2, map.nx / 2);
                let factor = made.flux_jy[[y, x]] / made.tb_mk[[y, x]];
                assert!((made.jy_per_mk / factor - 1.0).abs() < 1e-12);
                let field = (&made.tb_mk * made.jy_per_mk - &made.flux_jy).iter().fold(0.0f64, |w, v| w.max(v.abs()));
                assert!(field < 1e-7 * peak, "{field} of {peak}");
            }
        }
    }

    #[test]
    fn a_band_that_loses_flux_says_what_would_hold_it() {
        let (cells, map) = (disc(3000), map_request());
        let rotation = Orientation::edge_on(20.0).rotation(&cells).unwrap();
        let with = |width_hz: f64| LineBand::centred(&map.placement, width_hz);
        let share = |band: LineBand| band.share(&cells, &rotation, &map.placement);
        let text = share(with(1e6)).unwrap_err().to_string();
        assert!(text.contains("99.9 %") && text.contains("a band of"), "{text}");
        // 2 x (150 + 3.3 sigma) km/s at most, 1.8 MHz
        let profile = LineProfile::new();
        let motion = Motion::new(&cells, &rotation, Systemic::Zero, true, &map.placement);
        let total = cells.total_hi_msun();
        let needed = with(1e6).needed(&cells, &rotation, &motion, &profile, &map.placement, total).unwrap().unwrap();
        assert!(needed > 1.4e6 && needed < 1.9e6, "{needed}");
        assert!(share(with(needed)).unwrap() >= BAND_SHARE);
        assert!(share(with(0.97 * needed)).is_err());
        let mut broken = cells.clone();
        broken.velocity_km_s[7][0] = f64::NAN;
        assert!(with(3e6).share(&broken, &rotation, &map.placement).is_err());
        assert!(with(-1.0).share(&cells, &rotation, &map.placement).is_err());
        let empty = GasCells { scale_factor: 1.0, ..GasCells::default() };
        assert!(with(3e6).share(&empty, &rotation, &map.placement).is_err());
    }
}
