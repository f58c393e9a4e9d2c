//! Beams that are no circles: functions of both direction cosines, complex, unlike for the two feeds, and turning with the mount.
//!
//! (l, m) are direction cosines from the pointing. On an equatorial mount l is east and m north; an alt-az mount turns both by the
//! parallactic angle p of the pointing at the station: m towards the zenith, l as far from it as east is from north (to the left
//! as one looks at the sky), l' = l cos p - m sin p, m' = l sin p + m cos p.
//!
//! Rows of a beam's matrix are the feeds X and Y, columns the components that the feeds of all stations here have: theta and phi of
//! the station's horizon on an alt-az mount, north and east of the sky on an equatorial one.

use super::katbeam::{Ellipse, KatBand, on_axes_deg};
use super::table::{BeamTable, Plane};
use super::{GaussianBeam, VoltageBeam};
use crate::error::{Error, Result};
use crate::math::space::dot;
use crate::telescope::Telescope;
use crate::telescope::array::{FormedBeam, Horizon};
use rustfft::num_complex::Complex64;
use std::sync::Arc;

/// What carries a dish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mount {
    /// Beams turn with the parallactic angle.
    #[default]
    AltAz,
    /// Beams stand still on the sky.
    Equatorial,
}

/// One beam of any shape.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A circular one.
    Circular(Arc<dyn VoltageBeam>),
    /// MeerKAT's, as katbeam has it: X sees through the beam of H, Y through that of V.
    Katbeam(KatBand),
    /// A table.
    Table(Arc<BeamTable>),
}

/// The beams of an array of which one at least is no circle.
#[derive(Debug, Clone)]
pub struct ShapedBeams {
    /// Beams.
    pub shapes: Vec<Shape>,
    /// Number of each station's.
    pub shape_of: Vec<usize>,
    /// Of all stations.
    pub mount: Mount,
}

impl ShapedBeams {
    /// katbeam's beams for MeerKAT's dishes, and Gaussians of 66 deg lambda/D for those of other types.
    ///
    /// # Errors
    /// An array without MeerKAT's dishes, or with others of no diameter.
    pub fn katbeam(telescope: &Telescope, band: KatBand, mount: Mount) -> Result<ShapedBeams> {
        let mut beams = ShapedBeams { shapes: vec![Shape::Katbeam(band)], shape_of: Vec::new(), mount };
        let mut diameters: Vec<f64> = Vec::new();
        for station in &telescope.stations {
            if station.kind == "meerkat" {
                beams.shape_of.push(0);
                continue;
            }
            let diameter_m = station.diameter_m;
            if diameter_m <= 0.0 {
                return Err(Error::input("a station without a diameter has no such beam")
                    .found(format!("station {} of {}", station.name, telescope.name))
                    .expected("MeerKAT's dishes, and others of a positive diameter"));
            }
            let known = diameters.iter().position(|known| *known == diameter_m).unwrap_or_else(|| {
                diameters.push(diameter_m);
                beams.shapes.push(Shape::Circular(Arc::new(GaussianBeam { diameter_m })));
                diameters.len() - 1
            });
            beams.shape_of.push(1 + known);
        }
        if !beams.shape_of.contains(&0) {
            return Err(Error::input("katbeam has the beams of MeerKAT's dishes alone")
                .found(format!("{}, which has none", telescope.name))
                .expected("an array with stations of type meerkat")
                .hint("telescope.beam = \"cosine\" has the same formula for any dish"));
        }
        Ok(beams)
    }

    /// # Errors
    /// A frequency that one of the beams does not have.
    pub fn check(&self, freq_hz: &[f64]) -> Result<()> {
        for shape in &self.shapes {
            for freq_hz in freq_hz {
                match shape {
                    Shape::Circular(_) => {}
                    Shape::Katbeam(band) => band.check(*freq_hz)?,
                    Shape::Table(table) => table.covers(*freq_hz)?,
                }
            }
        }
        Ok(())
    }

    /// In words, for headers.
    pub fn describe(&self) -> String {
        let mount = match self.mount {
            Mount::AltAz => "alt-az",
            Mount::Equatorial => "equatorial",
        };
        let words = self.shapes.iter().map(|shape| match shape {
            Shape::Circular(beam) => beam.describe(),
            Shape::Katbeam(band) => format!("katbeam {} ({mount})", band.name()),
            Shape::Table(table) => format!("table {} ({mount})", table.name),
        });
        words.collect::<Vec<_>>().join("; ")
    }

    /// All beams at one frequency.
    pub(crate) fn at(&self, freq_hz: f64) -> Vec<Arc<Slice>> {
        let of = |shape: &Shape| {
            Arc::new(match shape {
                Shape::Circular(beam) => Slice::Circular(beam.clone(), freq_hz),
                Shape::Katbeam(band) => Slice::Feeds(band.feeds(freq_hz)),
                Shape::Table(table) => Slice::Table(table.at(freq_hz)),
            })
        };
        self.shapes.iter().map(of).collect()
    }

    /// The beam of `station` towards the celestial direction `centre`; `slices` as [`ShapedBeams::at`] gives them.
    pub(crate) fn form(&self, slices: &[Arc<Slice>], station: usize, horizon: Horizon, centre: [f64; 3]) -> ShapedBeam {
        let (east, north) = axes(centre);
        let (cos, sin) = match self.mount {
            Mount::AltAz => parallactic(east, north, horizon.up),
            Mount::Equatorial => (1.0, 0.0),
        };
        ShapedBeam {
            slice: slices[self.shape_of[station]].clone(),
            centre,
            l: [0, 1, 2].map(|k| east[k] * cos - north[k] * sin),
            m: [0, 1, 2].map(|k| east[k] * sin + north[k] * cos),
            zenith: (self.mount == Mount::Equatorial).then_some(horizon.up),
        }
    }
}

/// A beam at one frequency.
#[derive(Debug)]
pub(crate) enum Slice {
    Circular(Arc<dyn VoltageBeam>, f64),
    Feeds([Ellipse; 2]),
    Table(Plane),
}

impl Slice {
    /// Rows X and Y.
    fn matrix(&self, [l, m]: [f64; 2]) -> [Complex64; 4] {
        let both = |x: Complex64, y: Complex64| [x, Complex64::ZERO, Complex64::ZERO, y];
        match self {
            Slice::Circular(beam, freq_hz) => {
                let voltage = Complex64::from(beam.voltage(l.hypot(m).min(1.0), *freq_hz));
                both(voltage, voltage)
            }
            Slice::Feeds(feeds) => {
                let at_deg = on_axes_deg([l, m]);
                let [x, y] = feeds.map(|feed| Complex64::from(feed.voltage(at_deg)));
                both(x, y)
            }
            Slice::Table(plane) => match (plane.voltages([l, m]), plane.is_matrix()) {
                (None, _) => [Complex64::ZERO; 4],
                (Some(voltages), true) => voltages,
                (Some([voltage, ..]), false) => both(voltage, voltage),
            },
        }
    }

    /// For unpolarised waves: what both feeds see alike, else the root of half the sum of the squares.
    fn voltage(&self, at: [f64; 2]) -> Complex64 {
        let matrix = self.matrix(at);
        let alike = match self {
            Slice::Circular(..) => true,
            Slice::Feeds(_) => false,
            Slice::Table(plane) => !plane.is_matrix(),
        };
        match alike {
            true => matrix[0],
            false => Complex64::from((0.5 * matrix.iter().map(|v| v.norm_sqr()).sum::<f64>()).sqrt()),
        }
    }
}

/// A station's beam at one time and frequency.
pub(crate) struct ShapedBeam {
    slice: Arc<Slice>,
    centre: [f64; 3],
    /// Axes of the beam as celestial unit vectors.
    l: [f64; 3],
    m: [f64; 3],
    /// Of a station with an equatorial mount: its matrix is for components on the sky.
    zenith: Option<[f64; 3]>,
}

impl ShapedBeam {
    /// Its matrix towards each celestial direction, on the components theta and phi.
    pub fn matrices(&self, towards: &[[f64; 3]]) -> Vec<[Complex64; 4]> {
        let of = |s: &[f64; 3]| {
            let e = self.place(*s).map_or([Complex64::ZERO; 4], |at| self.slice.matrix(at));
            let Some(zenith) = self.zenith else { return e };
            // what follows turns components on the sky to theta and phi, as the feeds of an alt-az mount have them
            let (east, north) = axes(*s);
            let (cos, sin) = parallactic(east, north, zenith);
            [e[0] * cos - e[1] * sin, e[0] * sin + e[1] * cos, e[2] * cos - e[3] * sin, e[2] * sin + e[3] * cos]
        };
        towards.iter().map(of).collect()
    }

    /// Its voltage for an unpolarised wave from each celestial direction.
    pub fn voltages(&self, towards: &[[f64; 3]]) -> Vec<Complex64> {
        towards.iter().map(|s| self.place(*s).map_or(Complex64::ZERO, |at| self.slice.voltage(at))).collect()
    }

    /// (l, m) of a direction; `None` behind the dish.
    fn place(&self, s: [f64; 3]) -> Option<[f64; 2]> {
        (dot(self.centre, s) > 0.0).then(|| [dot(self.l, s), dot(self.m, s)])
    }
}

/// A station's response at one time and frequency, whatever makes it.
pub(crate) enum StationResponse<'a> {
    /// An array of antennas.
    Antennas(FormedBeam<'a>),
    /// A dish.
    Dish(ShapedBeam),
}

impl StationResponse<'_> {
    /// Its matrix towards each celestial direction, on the components theta and phi.
    pub fn matrices(&self, towards: &[[f64; 3]]) -> Vec<[Complex64; 4]> {
        match self {
            StationResponse::Antennas(beam) => beam.matrices(towards),
            StationResponse::Dish(beam) => beam.matrices(towards),
        }
    }

    /// Its voltage for an unpolarised wave from each celestial direction.
    pub fn voltages(&self, towards: &[[f64; 3]]) -> Vec<Complex64> {
        match self {
            StationResponse::Antennas(beam) => beam.voltages(towards),
            StationResponse::Dish(beam) => beam.voltages(towards),
        }
    }
}

/// East and north of a celestial direction.
fn axes([x, y, z]: [f64; 3]) -> ([f64; 3], [f64; 3]) {
    let across = x.hypot(y);
    // at a pole itself right ascension 0 is as good as any
    let (cos, sin) = if across > 0.0 { (x / across, y / across) } else { (1.0, 0.0) };
    ([-sin, cos, 0.0], [-cos * z, -sin * z, across])
}

/// Cosine and sine of the position angle of the zenith; 0 at the zenith itself.
fn parallactic(east: [f64; 3], north: [f64; 3], zenith: [f64; 3]) -> (f64, f64) {
    let (east, north) = (dot(east, zenith), dot(north, zenith));
    let length = east.hypot(north);
    if length == 0.0 { (1.0, 0.0) } else { (north / length, east / length) }
}

#[cfg(test)]
mod tests {
    use super::super::table::{Grid, Interpolation, Quantity};
    use super::super::{CosineTaperBeam, StationBeams};
    use super::*;
    use crate::units::RaDec;

    /// A table whose first voltage is 1 + l + 10 i m, and whose others are multiples of it.
    fn slanted(components: usize) -> BeamTable {
        let grid = Grid { first: -0.2, step: 0.1, count: 5 };
        let value = |k: usize| {
            let (l, m) = (-0.2 + 0.1 * (k % 5) as f64, -0.2 + 0.1 * (k / 5) as f64);
            (0..components).map(move |c| Complex64::new(1.0 + l, 10.0 * m) * (1.0 + c as f64))
        };
        BeamTable {
            l: grid,
            m: grid,
            freq_hz: Vec::new(),
            components,
            values: (0..25).flat_map(value).collect(),
            quantity: Quantity::Voltage,
            interpolation: Interpolation::Cubic,
            name: "slanted".into(),
        }
    }

    fn beams(table: BeamTable, mount: Mount) -> ShapedBeams {
        ShapedBeams { shapes: vec![Shape::Table(Arc::new(table))], shape_of: vec![0], mount }
    }

    fn horizon(up: [f64; 3]) -> Horizon {
        let (east, north) = axes(up);
        Horizon { east, north, up }
    }

    fn formed(beams: &ShapedBeams, up: [f64; 3], centre: RaDec) -> ShapedBeam {
        beams.form(&beams.at(1e9), 0, horizon(up), centre.unit_vector())
    }

    #[test]
    fn alt_az_beams_turn_with_the_zenith_and_equatorial_ones_do_not() {
        let centre = RaDec::from_deg(40.0, -20.0);
        // the zenith 30 degrees away at position angle 50 degrees
        let (r, angle) = (0.5, 50f64.to_radians());
        let up = RaDec::from_lm(r * angle.sin(), r * angle.cos(), centre).unit_vector();
        let at = |l: f64, m: f64| [RaDec::from_lm(l, m, centre).unit_vector()];
        for (l, m) in [(0.0, 0.0), (0.07, -0.11), (-0.13, 0.02)] {
            let (lt, mt) = (l * angle.cos() - m * angle.sin(), l * angle.sin() + m * angle.cos());
            let turned = formed(&beams(slanted(1), Mount::AltAz), up, centre).voltages(&at(l, m))[0];
            assert!((turned - Complex64::new(1.0 + lt, 10.0 * mt)).norm() < 1e-12, "{turned}");
            let still = formed(&beams(slanted(1), Mount::Equatorial), up, centre).voltages(&at(l, m))[0];
            assert!((still - Complex64::new(1.0 + l, 10.0 * m)).norm() < 1e-12, "{still}");
        }
        // towards the zenith is m
        let high = RaDec::from_lm(0.1 * angle.sin(), 0.1 * angle.cos(), centre).unit_vector();
        let seen = formed(&beams(slanted(1), Mount::AltAz), up, centre).voltages(&[high])[0];
        assert!((seen - Complex64::new(1.0, 1.0)).norm() < 1e-12, "{seen}");
    }

    #[test]
    fn matrices_stand_on_the_horizon_or_on_the_sky() {
        let centre = RaDec::from_deg(40.0, -20.0);
        let up = RaDec::from_deg(70.0, 10.0).unit_vector();
        let s = RaDec::from_lm(0.1, 0.05, centre);
        let unit = s.unit_vector();
        let (east, north) = axes(unit);
        let (cos, sin) = parallactic(east, north, up);
        let alt_az = formed(&beams(slanted(4), Mount::AltAz), up, centre).matrices(&[unit])[0];
        assert!((alt_az[1] - 2.0 * alt_az[0]).norm() < 1e-12 && (alt_az[2] - 3.0 * alt_az[0]).norm() < 1e-12);
        // with the turn to theta and phi that follows, [[cos, -sin], [sin, cos]], the matrix on the sky is the table's
        let e = formed(&beams(slanted(4), Mount::Equatorial), up, centre).matrices(&[unit])[0];
        let first = Complex64::new(1.1, 0.5);
        let sky = [e[0] * cos + e[1] * sin, e[1] * cos - e[0] * sin, e[2] * cos + e[3] * sin, e[3] * cos - e[2] * sin];
        for (k, got) in sky.iter().enumerate() {
            assert!((got - first * (1.0 + k as f64)).norm() < 1e-12, "{k}: {got}");
        }
        // power for unpolarised waves
        let voltage = formed(&beams(slanted(4), Mount::Equatorial), up, centre).voltages(&[unit])[0];
        assert!((voltage.re - (15.0f64).sqrt() * first.norm()).abs() < 1e-12 && voltage.im == 0.0);
        // nothing beyond the table, nor behind
        for far in [RaDec::from_lm(0.3, 0.0, centre), RaDec::from_deg(220.0, 20.0)] {
            let beam = formed(&beams(slanted(4), Mount::AltAz), up, centre);
            assert_eq!(beam.matrices(&[far.unit_vector()])[0], [Complex64::ZERO; 4]);
        }
    }

    #[test]
    fn a_circle_among_shapes_is_the_circle() {
        let circle: Arc<dyn VoltageBeam> = Arc::new(CosineTaperBeam { diameter_m: 15.0 });
        let beams =
            ShapedBeams { shapes: vec![Shape::Circular(circle.clone())], shape_of: vec![0], mount: Mount::AltAz };
        let centre = RaDec::from_deg(40.0, -20.0);
        let s = RaDec::from_lm(0.02, 0.03, centre).unit_vector();
        let got = formed(&beams, RaDec::from_deg(0.0, 0.0).unit_vector(), centre).voltages(&[s])[0];
        assert!((got.re - circle.voltage(0.02f64.hypot(0.03), 1e9)).abs() < 1e-13);
    }

    #[test]
    fn katbeam_is_for_arrays_with_meerkats_dishes() {
        let mixed = Telescope::preset("ska-mid-aastar").unwrap();
        let beams = ShapedBeams::katbeam(&mixed, KatBand::L, Mount::AltAz).unwrap();
        assert_eq!(beams.shapes.len(), 2);
        for (station, shape) in mixed.stations.iter().zip(&beams.shape_of) {
            assert_eq!(*shape == 0, station.kind == "meerkat");
        }
        assert!(
            beams.describe().contains("katbeam MKAT-AA-L-JIM-2020 (alt-az)") && beams.describe().contains("D 15 m")
        );
        assert!(beams.check(&[1e9, 1.5e9]).is_ok() && beams.check(&[1e9, 1.8e9]).is_err());
        let none = ShapedBeams::katbeam(&Telescope::preset("vla-d").unwrap(), KatBand::L, Mount::AltAz);
        assert!(none.unwrap_err().to_string().contains("vla-d"));
        let all = StationBeams::of_shapes(Arc::new(beams));
        assert!(!all.is_circular() && all.class_of.len() == mixed.stations.len());
        // power of unpolarised waves: the mean of both feeds'
        let [h, v] = KatBand::L.feeds(1.2e9).map(|feed| feed.voltage([0.5, 0.3]));
        let towards = [0.5, 0.3].map(f64::to_radians);
        let angle = towards[0].hypot(towards[1]);
        let at = [-towards[0], towards[1]].map(|x| x / angle * angle.sin());
        let voltage = Slice::Feeds(KatBand::L.feeds(1.2e9)).voltage(at);
        assert!((voltage.re - (0.5 * (h * h + v * v)).sqrt()).abs() < 1e-12);
    }
}
