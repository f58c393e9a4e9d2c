use super::{Antenna, ApertureArrays, ArrayStation, Element, Gain, Pattern, SphericalWaves};
use crate::error::Result;
use crate::formats::oskar::{OskarElement, OskarStationType, OskarTelescope, read_oskar_spherical_waves};
use crate::units::DEG_RAD;
use rustfft::num_complex::Complex64;
use std::path::PathBuf;
use std::sync::Arc;

impl ApertureArrays {
    /// What the antennas of an OSKAR telescope folder make of its stations, whose feeds stand at the folder's angles; `None`
    /// where it has no station folders. With `numerical` an element has the pattern that the folder's files give for its type
    /// (element_types.txt), else, and where there is none, that of `element`.
    ///
    /// # Errors
    /// Those of reading the files.
    pub fn from_oskar(
        model: &OskarTelescope,
        element: &Element,
        numerical: bool,
        normalised: bool,
        seed: u64,
    ) -> Result<Option<ApertureArrays>> {
        if model.station_types.is_empty() {
            return Ok(None);
        }
        let mut patterns = Patterns { element, numerical, known: Vec::new() };
        let kinds =
            model.station_types.iter().map(|station| kind(station, &mut patterns)).collect::<Result<Vec<_>>>()?;
        let kind_of = model.type_of_station.clone();
        Ok(Some(ApertureArrays { kinds, kind_of, normalised, seed, shared: false }))
    }

    /// Stations of antennas at `places_m` (east, north, up), one list a kind.
    pub fn from_places(
        places_m: &[Vec<[f64; 3]>],
        kind_of: Vec<usize>,
        element: &Element,
        normalised: bool,
    ) -> ApertureArrays {
        let of = |places: &Vec<[f64; 3]>| {
            let mut made = ArrayStation { antennas: Vec::new(), tiles: Vec::new(), elements: Vec::new() };
            for place in places {
                made.push(&OskarElement::at(*place), [0.0; 3], [0.0; 3], None, element);
            }
            made
        };
        ApertureArrays { kinds: places_m.iter().map(of).collect(), kind_of, normalised, seed: 0, shared: false }
    }
}

/// The patterns of elements by the type of the element, read once for all stations with the same files.
struct Patterns<'a> {
    element: &'a Element,
    numerical: bool,
    known: Vec<(Arc<Vec<PathBuf>>, Vec<(usize, Element)>)>,
}

impl Patterns<'_> {
    /// Those of `station` that files give, by type.
    fn of(&mut self, station: &OskarStationType) -> Result<Vec<(usize, Element)>> {
        let files = &station.patterns;
        if !self.numerical || files.is_empty() {
            return Ok(Vec::new());
        }
        let same = |known: &&(Arc<Vec<PathBuf>>, _)| Arc::ptr_eq(&known.0, files) || known.0 == *files;
        if let Some((_, elements)) = self.known.iter().find(same) {
            return Ok(elements.clone());
        }
        let sets = read_oskar_spherical_waves(files)?;
        let mut types: Vec<usize> = sets.iter().map(|set| set.element).collect();
        types.sort_unstable();
        types.dedup();
        let element = |number: usize| {
            let pattern = Pattern::SphericalWaves(SphericalWaves::new(&sets, number)?);
            Some((number, Element { pattern, ..self.element.clone() }))
        };
        let elements: Vec<(usize, Element)> = types.into_iter().filter_map(element).collect();
        self.known.push((files.clone(), elements.clone()));
        Ok(elements)
    }
}

fn kind(station: &OskarStationType, patterns: &mut Patterns) -> Result<ArrayStation> {
    let mut made = ArrayStation { antennas: Vec::new(), tiles: Vec::new(), elements: Vec::new() };
    let base = patterns.element;
    let of_type = |elements: &[(usize, Element)], number: usize| {
        elements.iter().find(|(known, _)| *known == number).map_or(base, |(_, element)| element).clone()
    };
    if station.tiles.is_empty() {
        let elements = patterns.of(station)?;
        for one in &station.elements {
            made.push(one, [0.0; 3], [0.0; 3], None, &of_type(&elements, one.kind));
        }
        return Ok(made);
    }
    for (number, place) in station.elements.iter().enumerate() {
        made.tiles.push(gain(place));
        let tile = &station.tiles[number.min(station.tiles.len() - 1)];
        let truly = add(place.place_m, place.error_m);
        let elements = patterns.of(tile)?;
        for one in &tile.elements {
            made.push(one, place.place_m, truly, Some(number), &of_type(&elements, one.kind));
        }
    }
    Ok(made)
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
    use super::super::Taper;
    use super::*;

    #[test]
    fn tiles_lie_where_they_are_and_share_a_pattern() {
        let element = Element { pattern: Pattern::Isotropic, taper: Taper::None, feed_angle_rad: [0.1; 2] };
        let at = |x: f64, y: f64| OskarElement { error_m: [0.5, 0.0, 0.0], ..OskarElement::at([x, y, 0.0]) };
        let turned = OskarElement { feed_angle_deg: [90.0, 0.0], ..at(0.0, 2.0) };
        let tile = OskarStationType {
            folder: "t".into(),
            elements: vec![at(0.0, 1.0), turned],
            tiles: Vec::new(),
            patterns: Default::default(),
        };
        let weak = OskarElement { gain_phase: [0.5, 180.0, 0.0, 0.0], ..at(10.0, 0.0) };
        let station = OskarStationType {
            folder: "s".into(),
            elements: vec![at(0.0, 0.0), weak],
            tiles: vec![tile],
            patterns: Default::default(),
        };
        let made = kind(&station, &mut Patterns { element: &element, numerical: true, known: Vec::new() }).unwrap();
        assert_eq!((made.antennas.len(), made.elements.len(), made.tiles.len()), (4, 2, 2));
        let last = made.antennas[3];
        assert_eq!((last.assumed_m, last.place_m), ([10.0, 2.0, 0.0], [11.0, 2.0, 0.0]));
        assert_eq!((last.tile, last.element, made.tiles[1].gain), (Some(1), 1, 0.5));
        assert!((made.elements[1].feed_angle_rad[0] - 0.1 - 90.0 * DEG_RAD).abs() < 1e-15);
    }
}
