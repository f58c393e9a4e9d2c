use super::element::{Element, Matrix};
use super::factor::{Factor, Weighted};
use crate::math::random::normal_pair;
use crate::math::space::dot;
use crate::units::C_M_S;
use rustfft::num_complex::Complex64;
use std::f64::consts::TAU;

/// Counter word of the antennas' time-variable errors ("ante").
const ERROR_STREAM: u32 = 0x616e_7465;

/// Gain of an antenna or a tile: (gain + error) exp(i (phase + error)), errors drawn for every time step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gain {
    /// Factor that is always there, and what is multiplied besides (apodisation).
    pub weight: Complex64,
    /// Systematic gain.
    pub gain: f64,
    /// Systematic phase, rad.
    pub phase_rad: f64,
    /// Standard deviation of the gain over time.
    pub gain_std: f64,
    /// Standard deviation of the phase over time, rad.
    pub phase_std_rad: f64,
    /// Cable too long by this, m: the phase is 2 pi nu/c of it behind.
    pub cable_m: f64,
}

impl Default for Gain {
    fn default() -> Gain {
        Gain { weight: Complex64::ONE, gain: 1.0, phase_rad: 0.0, gain_std: 0.0, phase_std_rad: 0.0, cable_m: 0.0 }
    }
}

impl Gain {
    fn at(&self, freq_hz: f64, counter: [u32; 4], seed: u64) -> Complex64 {
        let [a, b] = match self.gain_std != 0.0 || self.phase_std_rad != 0.0 {
            true => normal_pair(counter, seed),
            false => [0.0; 2],
        };
        let phase = self.phase_rad + self.phase_std_rad * b - TAU * freq_hz / C_M_S * self.cable_m;
        self.weight * Complex64::from_polar(1.0, phase) * (self.gain + self.gain_std * a)
    }
}

/// An antenna of a station.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Antenna {
    /// East, north, up of the station's centre, m: where the beam former takes it to be.
    pub assumed_m: [f64; 3],
    /// The same, where it is.
    pub place_m: [f64; 3],
    /// Its own gain.
    pub gain: Gain,
    /// Number of its tile in [`ArrayStation::tiles`]; `None` for stations without.
    pub tile: Option<usize>,
    /// Number of its pattern in [`ArrayStation::elements`].
    pub element: usize,
}

/// One kind of station.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayStation {
    /// Antennas; those of tiles lie at the tile's place plus their own in it.
    pub antennas: Vec<Antenna>,
    /// Gain of each tile.
    pub tiles: Vec<Gain>,
    /// Element patterns.
    pub elements: Vec<Element>,
}

impl ArrayStation {
    /// Largest distance between two sides of the horizontal box around its antennas, m.
    pub fn extent_m(&self) -> f64 {
        let side = |axis: usize| {
            let of = |a: &Antenna| a.place_m[axis];
            let ends =
                self.antennas.iter().map(of).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), x| (a.min(x), b.max(x)));
            (ends.1 - ends.0).max(0.0)
        };
        side(0).max(side(1))
    }
}

/// The stations of an array as what their antennas make of them.
#[derive(Debug, Clone, PartialEq)]
pub struct ApertureArrays {
    /// Kinds of stations.
    pub kinds: Vec<ArrayStation>,
    /// Kind of each station.
    pub kind_of: Vec<usize>,
    /// Whether beams are divided by their size at their centre.
    pub normalised: bool,
    /// Of the time-variable errors.
    pub seed: u64,
    /// Whether stations of a kind have the beam of the first of them, as if they stood where it does: OSKAR's
    /// allow_station_beam_duplication.
    pub shared: bool,
}

/// Axes of a station's horizon as celestial unit vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Horizon {
    pub east: [f64; 3],
    pub north: [f64; 3],
    pub up: [f64; 3],
}

/// What beams are formed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aim {
    pub freq_hz: f64,
    /// Number of the time step, of which the time-variable errors are.
    pub step: u32,
    /// Largest distance from the beam's centre, in direction cosines, and number of the directions that will be asked for.
    pub reach: f64,
    pub count: usize,
    /// Accuracy relative to the sum of all antennas' weights.
    pub epsilon: f64,
}

impl Horizon {
    /// (east, north, up) of a celestial vector.
    fn of(&self, v: [f64; 3]) -> [f64; 3] {
        [dot(self.east, v), dot(self.north, v), dot(self.up, v)]
    }
}

/// A station's beam at one time and frequency.
pub(crate) struct FormedBeam<'a> {
    horizon: Horizon,
    freq_hz: f64,
    centre: [f64; 3],
    /// Element patterns, and the array factors of the antennas that have them.
    groups: Vec<(&'a Element, Factor)>,
    /// What it is multiplied by so that it is normalised: matrix, scalar.
    scale: [f64; 2],
}

impl ApertureArrays {
    /// Of a telescope, for headers.
    pub fn describe(&self) -> String {
        let mut patterns: Vec<String> = Vec::new();
        for element in self.kinds.iter().flat_map(|kind| &kind.elements) {
            let words = element.describe();
            if !patterns.contains(&words) {
                patterns.push(words);
            }
        }
        let antennas = self.kinds.iter().map(|kind| kind.antennas.len());
        let (least, most) = (antennas.clone().min().unwrap_or(0), antennas.max().unwrap_or(0));
        let number = if least == most { least.to_string() } else { format!("{least} to {most}") };
        format!("aperture arrays of {number} antennas, {}", patterns.join("; "))
    }

    /// The station whose beam `station` has.
    pub(crate) fn stands_for(&self, station: usize) -> usize {
        let first = self.kind_of.iter().position(|kind| *kind == self.kind_of[station]);
        first.filter(|_| self.shared).unwrap_or(station)
    }

    /// The beam of `station` towards the celestial direction `centre`.
    pub(crate) fn form(&self, station: usize, horizon: Horizon, centre: [f64; 3], aim: &Aim) -> FormedBeam<'_> {
        let groups = self.weigh(station, horizon, centre, aim.freq_hz, aim.step);
        let scale = self.scale_of(&groups, horizon.of(centre), aim.freq_hz);
        FormedBeam { scale, ..FormedBeam::new(groups, horizon, centre, aim) }
    }

    /// The same before it is normalised, and so a sum of phases that change with the frequency as those of paths of at most
    /// [`ApertureArrays::path_m`].
    pub(crate) fn form_plain(&self, station: usize, horizon: Horizon, centre: [f64; 3], aim: &Aim) -> FormedBeam<'_> {
        FormedBeam::new(self.weigh(station, horizon, centre, aim.freq_hz, aim.step), horizon, centre, aim)
    }

    /// What normalises a beam that was formed plain: matrix, scalar.
    pub(crate) fn scale(
        &self,
        station: usize,
        horizon: Horizon,
        centre: [f64; 3],
        (freq_hz, step): (f64, u32),
    ) -> [f64; 2] {
        self.scale_of(&self.weigh(station, horizon, centre, freq_hz, step), horizon.of(centre), freq_hz)
    }

    /// Longest path (m) by which phases of plain beams change with frequency, for directions within `reach` of the beam's centre;
    /// `None` where they change in other ways, too. `scalar`: of voltages for unpolarised waves.
    pub(crate) fn path_m(&self, reach: f64, scalar: bool) -> Option<f64> {
        let mut longest = 0.0f64;
        for kind in &self.kinds {
            let elements: Option<Vec<f64>> = kind.elements.iter().map(|element| element.path_m(scalar)).collect();
            let element = elements?.into_iter().fold(0.0, f64::max);
            for antenna in &kind.antennas {
                let norm = |v: [f64; 3]| v.iter().map(|x| x * x).sum::<f64>().sqrt();
                let error = norm([0, 1, 2].map(|axis| antenna.place_m[axis] - antenna.assumed_m[axis]));
                let tile = antenna.tile.map_or(0.0, |tile| kind.tiles[tile].cable_m.abs());
                let path = norm(antenna.place_m) * reach.min(2.0) + error + antenna.gain.cable_m.abs() + tile;
                longest = longest.max(path + element);
            }
        }
        Some(longest)
    }

    /// The antennas of each element pattern with their weights at a time and frequency.
    fn weigh(
        &self,
        station: usize,
        horizon: Horizon,
        centre: [f64; 3],
        freq_hz: f64,
        step: u32,
    ) -> Vec<(&Element, Weighted)> {
        let kind = &self.kinds[self.kind_of[station]];
        let turns_per_m = freq_hz / C_M_S;
        let beam = horizon.of(centre);
        let counter = |number: usize, of: u32| [number as u32, station as u32, step, ERROR_STREAM.wrapping_add(of)];
        let tiles: Vec<Complex64> =
            kind.tiles.iter().enumerate().map(|(k, gain)| gain.at(freq_hz, counter(k, 1), self.seed)).collect();
        let mut weighted: Vec<Weighted> = kind.elements.iter().map(|_| Weighted::default()).collect();
        for (number, antenna) in kind.antennas.iter().enumerate() {
            // the geometric weight and the phase of b itself cancel but for errors of place
            let error = [0, 1, 2].map(|axis| antenna.place_m[axis] - antenna.assumed_m[axis]);
            let mut weight = antenna.gain.at(freq_hz, counter(number, 0), self.seed);
            if error != [0.0; 3] {
                weight *= Complex64::cis(TAU * turns_per_m * dot(error, beam));
            }
            if let Some(tile) = antenna.tile {
                weight *= tiles[tile];
            }
            weighted[antenna.element].places.push(antenna.place_m.map(|x| x * turns_per_m));
            weighted[antenna.element].weights.push(weight);
        }
        kind.elements.iter().zip(weighted).filter(|(_, w)| !w.weights.is_empty()).collect()
    }

    /// One over a beam's size at its centre (east, north, up): matrix, scalar.
    fn scale_of(&self, groups: &[(&Element, Weighted)], beam: [f64; 3], freq_hz: f64) -> [f64; 2] {
        if !self.normalised {
            return [1.0; 2];
        }
        let (mut matrix, mut voltage) = ([Complex64::ZERO; 4], Complex64::ZERO);
        for (element, weighted) in groups {
            let sum: Complex64 = weighted.weights.iter().sum();
            let voltages = element.voltages(beam, freq_hz);
            (0..4).for_each(|k| matrix[k] += voltages[k] * sum);
            voltage += sum * element.voltage(beam, freq_hz);
        }
        let size = (0.5 * matrix.iter().map(|v| v.norm_sqr()).sum::<f64>()).sqrt();
        // a beam that is nothing at its centre is left as it is
        let inverse = |size: f64| if size > 0.0 { 1.0 / size } else { 1.0 };
        [inverse(size), inverse(voltage.norm())]
    }
}

impl<'a> FormedBeam<'a> {
    fn new(groups: Vec<(&'a Element, Weighted)>, horizon: Horizon, centre: [f64; 3], aim: &Aim) -> FormedBeam<'a> {
        let groups = groups
            .into_iter()
            .map(|(element, weighted)| (element, Factor::new(weighted, aim.reach, aim.count, aim.epsilon)))
            .collect();
        FormedBeam { horizon, freq_hz: aim.freq_hz, centre, groups, scale: [1.0; 2] }
    }
}

impl FormedBeam<'_> {
    /// Its matrix towards each celestial direction, on the components theta and phi.
    pub fn matrices(&self, towards: &[[f64; 3]]) -> Vec<Matrix> {
        self.sum(towards, [Complex64::ZERO; 4], |element, direction, factor, sum| {
            let voltages = element.voltages(direction, self.freq_hz);
            (0..4).for_each(|k| sum[k] += voltages[k] * factor * self.scale[0]);
        })
    }

    /// Its voltage for an unpolarised wave from each celestial direction.
    pub fn voltages(&self, towards: &[[f64; 3]]) -> Vec<Complex64> {
        self.sum(towards, Complex64::ZERO, |element, direction, factor, sum| {
            *sum += factor * (self.scale[1] * element.voltage(direction, self.freq_hz));
        })
    }

    fn sum<T: Clone>(
        &self,
        towards: &[[f64; 3]],
        zero: T,
        add: impl Fn(&Element, [f64; 3], Complex64, &mut T),
    ) -> Vec<T> {
        let directions: Vec<[f64; 3]> = towards.iter().map(|s| self.horizon.of(*s)).collect();
        // differences of the celestial vectors: no digits are lost near the beam's centre
        let offset = |s: &[f64; 3]| self.horizon.of([0, 1, 2].map(|k| s[k] - self.centre[k]));
        let offsets: Vec<[f64; 3]> = towards.iter().map(offset).collect();
        let mut sums = vec![zero; towards.len()];
        let mut factors = vec![Complex64::ZERO; towards.len()];
        for (element, factor) in &self.groups {
            factors.fill(Complex64::ZERO);
            factor.add(&offsets, &mut factors);
            for ((direction, factor), sum) in directions.iter().zip(&factors).zip(&mut sums) {
                add(element, *direction, *factor, sum);
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::super::element::{DipoleLength, Pattern, Taper};
    use super::*;

    const SKY: Horizon = Horizon { east: [1.0, 0.0, 0.0], north: [0.0, 1.0, 0.0], up: [0.0, 0.0, 1.0] };

    fn antenna(place_m: [f64; 3]) -> Antenna {
        Antenna { assumed_m: place_m, place_m, gain: Gain::default(), tile: None, element: 0 }
    }

    fn station(antennas: Vec<Antenna>, tiles: Vec<Gain>) -> ApertureArrays {
        let dipoles = Pattern::Dipole(DipoleLength::Wavelengths(0.5));
        let element = |pattern, angle: f64| Element { pattern, taper: Taper::None, feed_angle_rad: [angle; 2] };
        let elements = vec![element(dipoles.clone(), 0.0), element(dipoles, 0.3), element(Pattern::Isotropic, 0.0)];
        let kinds = vec![ArrayStation { antennas, tiles, elements }];
        ApertureArrays { kinds, kind_of: vec![0, 0], normalised: true, seed: 9, shared: false }
    }

    fn aim(step: u32) -> Aim {
        Aim { freq_hz: C_M_S / 2.0, step, reach: 2.0, count: 1, epsilon: 1e-13 }
    }

    fn unit(east: f64, north: f64) -> [f64; 3] {
        [east, north, (1.0 - east * east - north * north).sqrt()]
    }

    /// Errors of place, gains, tiles and mixed elements against the sum of the module's documentation, term by term.
    #[test]
    fn beams_are_the_sum_over_their_antennas() {
        let mut antennas: Vec<Antenna> = (0..5).map(|k| antenna([f64::from(k), 0.7 * f64::from(k * k), 0.1])).collect();
        antennas[1].place_m[0] += 0.2;
        antennas[2].gain =
            Gain { weight: Complex64::new(0.5, 0.1), gain: 1.2, phase_rad: 0.4, cable_m: 0.3, ..Gain::default() };
        antennas[3].tile = Some(0);
        (antennas[3].element, antennas[4].element) = (1, 2);
        let array = station(antennas, vec![Gain { gain: 0.8, phase_rad: -0.2, ..Gain::default() }]);
        let (centre, towards) = (unit(0.1, -0.2), [unit(0.3, 0.2), unit(-0.5, 0.1)]);
        let k = TAU / 2.0;
        let matrix = |s: [f64; 3]| {
            let mut sum = [Complex64::ZERO; 4];
            for (number, a) in array.kinds[0].antennas.iter().enumerate() {
                let mut w = Complex64::cis(k * (dot(a.place_m, s) - dot(a.assumed_m, centre)));
                if number == 2 {
                    w *= Complex64::new(0.5, 0.1) * 1.2 * Complex64::cis(0.4 - k * 0.3);
                }
                if number == 3 {
                    w *= 0.8 * Complex64::cis(-0.2);
                }
                let voltages = array.kinds[0].elements[a.element].voltages(s, C_M_S / 2.0);
                (0..4).for_each(|k| sum[k] += w * voltages[k]);
            }
            sum
        };
        let at_centre = (0.5 * matrix(centre).iter().map(|v| v.norm_sqr()).sum::<f64>()).sqrt();
        let got = array.form(0, SKY, centre, &aim(0)).matrices(&towards);
        for (got, s) in got.iter().zip(towards) {
            let want = matrix(s).map(|v| v / at_centre);
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).norm() < 1e-12), "{got:?} {want:?}");
        }
        // the matrix is not that of one antenna, and towards its centre the voltage is 1
        assert!(got[0].iter().map(|v| v.norm()).fold(0.0, f64::max) < 0.8);
        let voltage = array.form(1, SKY, centre, &aim(0)).voltages(&[centre])[0];
        assert!((voltage.norm() - 1.0).abs() < 1e-12, "{voltage}");
    }

    #[test]
    fn time_variable_errors_are_of_a_station_and_a_time() {
        let mut antennas = vec![antenna([0.0; 3]), antenna([1.0, 0.0, 0.0])];
        antennas[0].gain.phase_std_rad = 0.5;
        let mut array = station(antennas, Vec::new());
        array.normalised = false;
        let at = |station, step| array.form(station, SKY, unit(0.0, 0.0), &aim(step)).voltages(&[unit(0.2, 0.0)])[0];
        assert_eq!(at(0, 3), at(0, 3));
        assert!(at(0, 3) != at(0, 4) && at(0, 3) != at(1, 3));
        let mean = (0..4000).map(|step| at(0, step)).sum::<Complex64>() / 4000.0;
        // <exp(i N(0, sigma))> = exp(-sigma^2/2)
        let element = array.kinds[0].elements[0].voltage(unit(0.2, 0.0), C_M_S / 2.0);
        let want = element * ((-0.125f64).exp() + Complex64::cis(0.5 * TAU * 0.2));
        assert!((mean - want).norm() < 0.03, "{mean} {want}");
    }
}
