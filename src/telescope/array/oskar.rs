use super::{Antenna, ApertureArrays, ArrayStation, Element, Gain};
use crate::formats::oskar::{OskarElement, OskarStationType, OskarTelescope};
use crate::units::DEG_RAD;
use rustfft::num_complex::Complex64;

impl ApertureArrays {
    /// What the antennas of an OSKAR telescope folder make of its stations, all with the pattern of `element`, whose feeds
    /// stand at the folder's angles; `None` where it has no station folders.
    pub fn from_oskar(
        model: &OskarTelescope,
        element: &Element,
        normalised: bool,
        seed: u64,
    ) -> Option<ApertureArrays> {
        if model.station_types.is_empty() {
            return None;
        }
        let kinds = model.station_types.iter().map(|station| kind(station, element)).collect();
        Some(ApertureArrays { kinds, kind_of: model.type_of_station.clone(), normalised, seed, shared: false })
    }

    /// Stations of antennas at `places_m` (east, north, up), one list a kind.
    pub fn from_places(
        places_m: &[Vec<[f64; 3]>],
        kind_of: Vec<usize>,
        element: &Element,
        normalised: bool,
    ) -> ApertureArrays {
        let of = |places: &Vec<[f64; 3]>| {
            let elements = places.iter().map(|place| OskarElement::at(*place)).collect();
            kind(&OskarStationType { folder: String::new(), elements, tiles: Vec::new() }, element)
        };
        ApertureArrays { kinds: places_m.iter().map(of).collect(), kind_of, normalised, seed: 0, shared: false }
    }
}

fn kind(station: &OskarStationType, element: &Element) -> ArrayStation {
    let mut made = ArrayStation { antennas: Vec::new(), tiles: Vec::new(), elements: Vec::new() };
    if station.tiles.is_empty() {
        for one in &station.elements {
            made.push(one, [0.0; 3], [0.0; 3], None, element);
        }
        return made;
    }
    for (number, place) in station.elements.iter().enumerate() {
        made.tiles.push(gain(place));
        let tile = &station.tiles[number.min(station.tiles.len() - 1)];
        let truly = add(place.place_m, place.error_m);
        for one in &tile.elements {
            made.push(one, place.place_m, truly, Some(number), element);
        }
    }
    made
}

impl ArrayStation {
    fn push(&mut self, one: &OskarElement, assumed: [f64; 3], truly: [f64; 3], tile: Option<usize>, element: &Element) {
        let feed_angle_rad = [0, 1].map(|feed| element.feed_angle_rad[feed] + one.feed_angle_deg[feed] * DEG_RAD);
        let element = Element { feed_angle_rad, ..element.clone() };
        let number = self.elements.iter().position(|known| *known == element).unwrap_or_else(|| {
            self.elements.push(element);
            self.elements.len() - 1
        });
        let assumed_m = add(assumed, one.place_m);
        let place_m = add(truly, add(one.place_m, one.error_m));
        self.antennas.push(Antenna { assumed_m, place_m, gain: gain(one), tile, element: number });
    }
}

fn add(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

fn gain(one: &OskarElement) -> Gain {
    let [gain, phase, gain_std, phase_std] = one.gain_phase;
    Gain {
        weight: Complex64::new(one.apodisation[0], one.apodisation[1]),
        gain,
        phase_rad: phase * DEG_RAD,
        gain_std,
        phase_std_rad: phase_std * DEG_RAD,
        cable_m: one.cable_m,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pattern, Taper};
    use super::*;

    #[test]
    fn tiles_lie_where_they_are_and_share_a_pattern() {
        let element = Element { pattern: Pattern::Isotropic, taper: Taper::None, feed_angle_rad: [0.1; 2] };
        let at = |x: f64, y: f64| OskarElement { error_m: [0.5, 0.0, 0.0], ..OskarElement::at([x, y, 0.0]) };
        let turned = OskarElement { feed_angle_deg: [90.0, 0.0], ..at(0.0, 2.0) };
        let tile = OskarStationType { folder: "t".into(), elements: vec![at(0.0, 1.0), turned], tiles: Vec::new() };
        let weak = OskarElement { gain_phase: [0.5, 180.0, 0.0, 0.0], ..at(10.0, 0.0) };
        let station = OskarStationType { folder: "s".into(), elements: vec![at(0.0, 0.0), weak], tiles: vec![tile] };
        let made = kind(&station, &element);
        assert_eq!((made.antennas.len(), made.elements.len(), made.tiles.len()), (4, 2, 2));
        let last = made.antennas[3];
        assert_eq!((last.assumed_m, last.place_m), ([10.0, 2.0, 0.0], [11.0, 2.0, 0.0]));
        assert_eq!((last.tile, last.element, made.tiles[1].gain), (Some(1), 1, 0.5));
        assert!((made.elements[1].feed_angle_rad[0] - 0.1 - 90.0 * DEG_RAD).abs() < 1e-15);
    }
}
