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

    /// Files at the root, one that a station's own hides, types with and without files, and a tile.
    #[test]
    fn element_types_have_the_patterns_of_the_nearest_folder() {
        let dir = tempfile::TempDir::new().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let waves = |folder: &str, element: usize, size: &str| {
            for part in ["te_re", "te_im", "tm_re", "tm_im"] {
                let text = if part == "tm_re" { size } else { "0 0 0" };
                write(&format!("{folder}element_pattern_spherical_wave_{part}_{element}_100.txt"), text);
            }
        };
        write("position.txt", "0 0");
        write("layout.txt", "0 0\n9 9\n");
        for (folder, text) in [("a/", "0 0\n1 0\n2 0\n"), ("b/", "0 0\n"), ("b/tile/", "0 0\n0 1\n")] {
            write(&format!("{folder}layout.txt"), text);
        }
        write("a/element_types.txt", "0\n1\n2\n");
        waves("", 0, "0 1 0");
        waves("", 1, "0 2 0");
        waves("a/", 0, "0 3 0");
        let model = crate::formats::oskar::read_oskar_telescope(dir.path()).unwrap();
        let dipole = Pattern::Dipole(super::super::DipoleLength::Wavelengths(0.5));
        let element = Element { pattern: dipole.clone(), taper: Taper::None, feed_angle_rad: [0.0; 2] };
        let of = |numerical: bool| ApertureArrays::from_oskar(&model, &element, numerical, true, 1).unwrap().unwrap();
        let made = of(true);
        // theta component of X at the horizon: -size sqrt(3/(8 pi))
        let size = |kind: usize, antenna: usize| {
            let kind = &made.kinds[kind];
            let voltages = kind.elements[kind.antennas[antenna].element].voltages([1.0, 0.0, 0.0], 1e8);
            voltages[0].re / -(3.0 / (8.0 * std::f64::consts::PI)).sqrt()
        };
        for (kind, antenna, want) in [(0, 0, 3.0), (0, 1, 2.0), (1, 0, 1.0), (1, 1, 1.0)] {
            assert!((size(kind, antenna) - want).abs() < 1e-14, "{kind} {antenna}: {}", size(kind, antenna));
        }
        assert_eq!(made.kinds[0].elements[made.kinds[0].antennas[2].element].pattern, dipole);
        assert_eq!((made.kinds[0].elements.len(), made.kinds[1].elements.len()), (3, 1));
        assert!(of(false).kinds.iter().flat_map(|k| &k.elements).all(|e| e.pattern == dipole));
    }
}
