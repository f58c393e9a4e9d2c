use super::{Geodetic, Station, Telescope, enu_to_offset, offset_to_enu};
use crate::error::{Error, Result};
use crate::formats::oskar::{OskarLayout, OskarTelescope, read_oskar_telescope};
use crate::formats::telescope::{TelescopeFile, read_telescope};
use std::collections::HashMap;
use std::path::Path;

/// Two stations and their distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Baseline {
    /// Index of the first station.
    pub antenna1: usize,
    /// Index of the second station, larger than the first.
    pub antenna2: usize,
    /// Length, m.
    pub length_m: f64,
}

impl Telescope {
    /// Reads a telescope file (docs/telescopes.md).
    pub fn from_file(path: &Path) -> Result<Telescope> {
        let file = read_telescope(path)?;
        Telescope::from_telescope_file(file).map_err(|e| e.place(path.display()))
    }

    /// A telescope from what a telescope file holds.
    pub fn from_telescope_file(file: TelescopeFile) -> Result<Telescope> {
        let [lon_deg, lat_deg, height_m] = file.reference_deg_m;
        let reference_ecef_m = Geodetic::from_deg(lon_deg, lat_deg, height_m).to_ecef();
        let stations = file.stations.into_iter().map(|line| Station {
            name: line.name,
            offset_m: difference(line.ecef_m, reference_ecef_m),
            diameter_m: line.diameter_m,
            kind: line.kind,
        });
        let telescope = Telescope {
            name: file.name,
            version: file.version,
            source: file.source,
            notes: file.notes,
            reference_ecef_m,
            stations: stations.collect(),
        };
        telescope.check()?;
        Ok(telescope)
    }

    /// Reads an OSKAR telescope folder.
    ///
    /// The second value names what the folder holds beyond what is supported (gain models, noise files, ...): the caller decides whether that is an error or a note.
    pub fn from_oskar_folder(folder: &Path) -> Result<(Telescope, Vec<String>)> {
        let model = read_oskar_telescope(folder)?;
        let name = folder.file_stem().map_or("oskar".into(), |n| n.to_string_lossy().into_owned());
        let telescope = Telescope::from_oskar(&name, &model).map_err(|e| e.place(folder.display()))?;
        Ok((telescope, model.unsupported))
    }

    /// A telescope from what an OSKAR folder holds.
    ///
    /// Horizon coordinates are rotated as offsets (data/oskar-cases/README.md: "spherical rotation,
    /// offsets only"), never by way of 6.4e6 m.
    pub fn from_oskar(name: &str, model: &OskarTelescope) -> Result<Telescope> {
        let reference = Geodetic::from_deg(model.longitude_deg, model.latitude_deg, model.altitude_m);
        let reference_ecef_m = reference.to_ecef();
        let offsets: Vec<[f64; 3]> = match &model.layout {
            OskarLayout::EnuM(enu) => enu.iter().map(|&p| enu_to_offset(p, reference)).collect(),
            OskarLayout::EcefM(ecef) => ecef.iter().map(|&p| difference(p, reference_ecef_m)).collect(),
            OskarLayout::Wgs84DegM(points) => points
                .iter()
                .map(|p| difference(Geodetic::from_deg(p[0], p[1], p[2]).to_ecef(), reference_ecef_m))
                .collect(),
        };
        let stations = offsets.into_iter().enumerate().map(|(i, offset_m)| Station {
            name: format!("s{i:04}"),
            offset_m,
            diameter_m: 0.0,
            kind: "oskar".into(),
        });
        let telescope = Telescope {
            name: name.into(),
            version: String::new(),
            source: "OSKAR telescope folder".into(),
            notes: Vec::new(),
            reference_ecef_m,
            stations: stations.collect(),
        };
        telescope.check()?;
        Ok(telescope)
    }

    /// At least two stations, with finite positions, different names and different positions.
    pub fn check(&self) -> Result<()> {
        if self.stations.len() < 2 {
            return Err(Error::input("an interferometer needs at least two stations")
                .found(format!("{} in {}", self.stations.len(), self.name))
                .expected("2 or more"));
        }
        let mut names = HashMap::new();
        let mut places = HashMap::new();
        for station in &self.stations {
            if station.offset_m.iter().any(|v| !v.is_finite()) {
                return Err(Error::input("the position of a station is not finite").found(&station.name));
            }
            if names.insert(station.name.as_str(), ()).is_some() {
                return Err(Error::input("two stations have the same name").found(&station.name));
            }
            // + 0.0 makes -0 and 0 the same place
            if let Some(other) = places.insert(station.offset_m.map(|v| (v + 0.0).to_bits()), &station.name) {
                return Err(
                    Error::input("two stations stand at the same place").found(format!("{other} and {}", station.name))
                );
            }
        }
        Ok(())
    }

    /// Geocentric position of station `i`, m.
    pub fn ecef_m(&self, i: usize) -> [f64; 3] {
        let ([x, y, z], offset) = (self.reference_ecef_m, self.stations[i].offset_m);
        [x + offset[0], y + offset[1], z + offset[2]]
    }

    /// The reference point of the array.
    pub fn reference(&self) -> Geodetic {
        Geodetic::from_ecef(self.reference_ecef_m)
    }

    /// Geodetic position of station `i`.
    pub fn geodetic(&self, i: usize) -> Geodetic {
        Geodetic::from_ecef(self.ecef_m(i))
    }

    /// Zenith of station `i` (the geodetic vertical), a unit vector on the geocentric axes.
    pub fn station_zenith(&self, i: usize) -> [f64; 3] {
        let place = self.geodetic(i);
        let (sin_lat, cos_lat) = place.lat_rad.sin_cos();
        let (sin_lon, cos_lon) = place.lon_rad.sin_cos();
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    /// East, north, up of every station in the horizon plane of the reference point, m.
    pub fn enu_m(&self) -> Vec<[f64; 3]> {
        let reference = self.reference();
        self.stations.iter().map(|s| offset_to_enu(s.offset_m, reference)).collect()
    }

    /// Pairs of stations in the order of visibilities: (0,1), (0,2), ..., (1,2), ...
    pub fn baselines(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let n = self.stations.len();
        (0..n).flat_map(move |i| (i + 1..n).map(move |j| (i, j)))
    }

    /// Number of baselines.
    pub fn baseline_count(&self) -> usize {
        self.stations.len() * self.stations.len().saturating_sub(1) / 2
    }

    /// The shortest and the longest baseline; none with fewer than two stations.
    pub fn baseline_range(&self) -> Option<(Baseline, Baseline)> {
        let all = self.baselines().map(|(i, j)| {
            let [x, y, z] = difference(self.stations[i].offset_m, self.stations[j].offset_m);
            Baseline { antenna1: i, antenna2: j, length_m: (x * x + y * y + z * z).sqrt() }
        });
        all.fold(None, |range, b| match range {
            None => Some((b, b)),
            Some((short, long)) => Some((
                if b.length_m < short.length_m { b } else { short },
                if b.length_m > long.length_m { b } else { long },
            )),
        })
    }
}

fn difference(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(layout: OskarLayout) -> OskarTelescope {
        OskarTelescope {
            longitude_deg: 21.44,
            latitude_deg: -30.7,
            altitude_m: 1000.0,
            layout,
            station_types: Vec::new(),
            type_of_station: Vec::new(),
            unsupported: Vec::new(),
        }
    }

    #[test]
    fn the_three_oskar_layouts_agree() {
        let enu = vec![[0.0, 0.0, 0.0], [100.0, -250.5, 3.0], [4000.0, 1000.0, -2.0]];
        let a = Telescope::from_oskar("a", &model(OskarLayout::EnuM(enu.clone()))).unwrap();
        let ecef = (0..3).map(|i| a.ecef_m(i)).collect();
        let wgs84 = (0..3).map(|i| a.geodetic(i)).map(|g| [g.lon_deg(), g.lat_deg(), g.height_m]).collect();
        let b = Telescope::from_oskar("b", &model(OskarLayout::EcefM(ecef))).unwrap();
        let c = Telescope::from_oskar("c", &model(OskarLayout::Wgs84DegM(wgs84))).unwrap();
        for i in 0..3 {
            for axis in 0..3 {
                let expected = a.stations[i].offset_m[axis];
                assert!((b.stations[i].offset_m[axis] - expected).abs() < 2e-9);
                assert!((c.stations[i].offset_m[axis] - expected).abs() < 1e-8);
                assert!((a.enu_m()[i][axis] - enu[i][axis]).abs() < 1e-11);
            }
        }
    }

    #[test]
    fn baselines_come_in_the_order_of_visibilities() {
        let enu = vec![[0.0, 0.0, 0.0], [3.0, 4.0, 0.0], [0.0, 0.0, 1.0], [10.0, 0.0, 0.0]];
        let t = Telescope::from_oskar("t", &model(OskarLayout::EnuM(enu))).unwrap();
        let pairs: Vec<_> = t.baselines().collect();
        assert_eq!(pairs, [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]);
        assert_eq!(t.baseline_count(), 6);
        let (short, long) = t.baseline_range().unwrap();
        assert_eq!((short.antenna1, short.antenna2), (0, 2));
        assert_eq!((long.antenna1, long.antenna2), (2, 3));
        assert!((short.length_m - 1.0).abs() < 1e-12 && (long.length_m - 101f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn useless_arrays_are_refused() {
        for (enu, words) in
            [(vec![[0.0; 3]], "at least two stations"), (vec![[0.0; 3], [1.0, 0.0, 0.0], [-0.0; 3]], "same place")]
        {
            let error = Telescope::from_oskar("t", &model(OskarLayout::EnuM(enu))).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
