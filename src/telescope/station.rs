//! The antennas inside an SKA-Low station.

use super::Telescope;
use crate::error::{Error, Result};
use crate::formats::telescope::StationRotation;
use crate::math::random::uniform_pair;
use crate::units::DEG_RAD;
use std::collections::HashMap;

/// Antennas of an SKA-Low station.
const ANTENNAS: u32 = 256;
/// Counter word of the rotations, so that other uses of a seed are independent of them ("rota").
const ROTATION_STREAM: u32 = 0x726f_7461;

/// East and north offsets (m) of the 256 antennas of an unrotated SKA-Low station, shape (256, 2).
///
/// Vogel's spiral (1979, Mathematical Biosciences 44, 179) r = 1.1898 sqrt(n + 1) m,
/// theta = 172.56 deg + 137.50776 deg n from east towards north: it reproduces the station of the
/// SKA Science Data Challenge 3a to 7.8 mm an axis (PHASED_ARRAY table of its Measurement Sets).
pub fn vogel_station() -> Vec<[f64; 2]> {
    (0..ANTENNAS)
        .map(|n| {
            let radius_m = 1.1898 * f64::from(n + 1).sqrt();
            let (sin, cos) = ((172.56 + 137.50776 * f64::from(n)) * DEG_RAD).sin_cos();
            [radius_m * cos, radius_m * sin]
        })
        .collect()
}

/// The antennas (east, north) turned by `east_of_north_deg`: one in the north goes to that azimuth.
pub fn rotated(antennas_m: &[[f64; 2]], east_of_north_deg: f64) -> Vec<[f64; 2]> {
    let (sin, cos) = (east_of_north_deg * DEG_RAD).sin_cos();
    antennas_m.iter().map(|[east, north]| [east * cos + north * sin, north * cos - east * sin]).collect()
}

/// Where the rotations of the stations come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Rotations {
    /// Uniform in 0 to 360 deg; the value of a station depends on the seed and its index alone.
    Seeded(u64),
    /// A user's list; it may name stations that the array does not have.
    Listed(Vec<StationRotation>),
}

impl Telescope {
    /// Rotation of every station's antenna layout, degrees east of north, in the stations' order.
    ///
    /// A listed rotation that is missing for one of the stations is an error.
    pub fn station_rotations_deg(&self, rotations: &Rotations) -> Result<Vec<f64>> {
        match rotations {
            Rotations::Seeded(seed) => {
                let stations = 0..self.stations.len() as u32;
                Ok(stations.map(|i| 360.0 * uniform_pair([i, 0, 0, ROTATION_STREAM], *seed)[0]).collect())
            }
            Rotations::Listed(list) => {
                let of_name: HashMap<&str, f64> =
                    list.iter().map(|r| (r.station.as_str(), r.east_of_north_deg)).collect();
                let of_station = |name: &str| {
                    of_name.get(name).copied().ok_or_else(|| {
                        Error::input("the list of station rotations misses a station")
                            .found(format!("{} rotations, none for {name}", list.len()))
                            .expected(format!("one for each of the {} stations of {}", self.stations.len(), self.name))
                    })
                };
                self.stations.iter().map(|s| of_station(&s.name)).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_station_is_that_of_sdc3a() {
        let antennas = vogel_station();
        assert_eq!(antennas.len(), 256);
        // first antennas of the SDC3a station, rounded there to mm
        for (antenna, expected) in antennas.iter().zip([[-1.1800, 0.1551], [1.0820, -1.2890], [0.0890, 2.0590]]) {
            assert!((0..2).all(|i| (antenna[i] - expected[i]).abs() < 7.8e-3), "{antenna:?} {expected:?}");
        }
        let radius = antennas.iter().map(|a| a[0].hypot(a[1])).fold(0.0, f64::max);
        assert!((radius - 19.03).abs() < 0.01, "{radius}");
        let mut nearest = f64::INFINITY;
        for i in 0..256 {
            for j in 0..i {
                nearest = nearest.min((antennas[i][0] - antennas[j][0]).hypot(antennas[i][1] - antennas[j][1]));
            }
        }
        assert!((nearest - 1.906).abs() < 0.01, "{nearest}");
    }

    #[test]
    fn rotation_goes_from_north_to_east() {
        let turned = rotated(&[[0.0, 2.0], [1.0, 0.0]], 90.0);
        for (antenna, expected) in turned.iter().zip([[2.0, 0.0], [0.0, -1.0]]) {
            assert!((antenna[0] - expected[0]).abs() < 1e-15 && (antenna[1] - expected[1]).abs() < 1e-15);
        }
    }

    #[test]
    fn rotations_are_seeded_or_listed() {
        let telescope = Telescope::preset("ska-low-aa1").unwrap();
        let seeded = telescope.station_rotations_deg(&Rotations::Seeded(7)).unwrap();
        assert_eq!(seeded, telescope.station_rotations_deg(&Rotations::Seeded(7)).unwrap());
        assert_ne!(seeded, telescope.station_rotations_deg(&Rotations::Seeded(8)).unwrap());
        assert!(seeded.iter().all(|d| (0.0..360.0).contains(d)));

        let list = |names: &mut dyn Iterator<Item = String>| {
            let numbered = names.enumerate();
            let rotation = |(i, station)| StationRotation { station, east_of_north_deg: i as f64 };
            Rotations::Listed(numbered.map(rotation).collect())
        };
        let names = || telescope.stations.iter().map(|s| s.name.clone());
        let listed = telescope.station_rotations_deg(&list(&mut names().chain(["elsewhere".into()]))).unwrap();
        assert_eq!(listed, (0..16).map(f64::from).collect::<Vec<_>>());
        let error = telescope.station_rotations_deg(&list(&mut names().skip(1))).unwrap_err().to_string();
        assert!(error.contains(&telescope.stations[0].name), "{error}");
    }
}
