//! WGS84 (NIMA TR8350.2): geodetic and geocentric coordinates, and local horizon axes.

use crate::units::DEG_RAD;

/// Semi-major axis of WGS84, m.
const A_M: f64 = 6_378_137.0;
/// Flattening of WGS84.
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// First eccentricity squared.
const E2: f64 = FLATTENING * (2.0 - FLATTENING);

/// A point given by WGS84 geodetic coordinates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geodetic {
    /// Longitude, rad, east positive.
    pub lon_rad: f64,
    /// Geodetic latitude, rad.
    pub lat_rad: f64,
    /// Height above the ellipsoid, m.
    pub height_m: f64,
}

impl Geodetic {
    /// From degrees and metres.
    pub fn from_deg(lon_deg: f64, lat_deg: f64, height_m: f64) -> Geodetic {
        Geodetic { lon_rad: lon_deg * DEG_RAD, lat_rad: lat_deg * DEG_RAD, height_m }
    }

    /// Longitude, deg.
    pub fn lon_deg(self) -> f64 {
        self.lon_rad / DEG_RAD
    }

    /// Latitude, deg.
    pub fn lat_deg(self) -> f64 {
        self.lat_rad / DEG_RAD
    }

    /// Geocentric metres.
    pub fn to_ecef(self) -> [f64; 3] {
        let (sin_lat, cos_lat) = self.lat_rad.sin_cos();
        let (sin_lon, cos_lon) = self.lon_rad.sin_cos();
        let n = A_M / (1.0 - E2 * sin_lat * sin_lat).sqrt();
        let p = (n + self.height_m) * cos_lat;
        [p * cos_lon, p * sin_lon, (n * (1.0 - E2) + self.height_m) * sin_lat]
    }

    /// From geocentric metres, anywhere more than 100 km from the Earth's centre.
    ///
    /// Bowring's formula (1976, Survey Review 23, 323) for the tangent of the latitude, iterated on
    /// the parametric latitude; it gains more than five digits a step near the surface.
    pub fn from_ecef(ecef_m: [f64; 3]) -> Geodetic {
        let [x, y, z] = ecef_m;
        let p = x.hypot(y);
        let b = A_M * (1.0 - FLATTENING);
        let second_e2 = E2 / (1.0 - E2);
        let mut parametric = z.atan2(p * (1.0 - FLATTENING));
        let mut lat_rad = parametric;
        for _ in 0..8 {
            let (s, c) = parametric.sin_cos();
            let next = (z + second_e2 * b * s.powi(3)).atan2(p - E2 * A_M * c.powi(3));
            let done = (next - lat_rad).abs() < 1e-16;
            lat_rad = next;
            parametric = ((1.0 - FLATTENING) * lat_rad.sin()).atan2(lat_rad.cos());
            if done {
                break;
            }
        }
        let (s, c) = lat_rad.sin_cos();
        // well conditioned at every latitude, unlike p / cos(lat) - n
        let height_m = p * c + z * s - A_M * (1.0 - E2 * s * s).sqrt();
        Geodetic { lon_rad: y.atan2(x), lat_rad, height_m }
    }
}

/// East, north, up metres of the horizon plane at `reference` as an offset on the geocentric axes.
pub fn enu_to_offset(enu_m: [f64; 3], reference: Geodetic) -> [f64; 3] {
    let [e, n, u] = enu_m;
    let (sin_lat, cos_lat) = reference.lat_rad.sin_cos();
    let (sin_lon, cos_lon) = reference.lon_rad.sin_cos();
    [
        -e * sin_lon - n * sin_lat * cos_lon + u * cos_lat * cos_lon,
        e * cos_lon - n * sin_lat * sin_lon + u * cos_lat * sin_lon,
        n * cos_lat + u * sin_lat,
    ]
}

/// The inverse of [`enu_to_offset`].
pub fn offset_to_enu(offset_m: [f64; 3], reference: Geodetic) -> [f64; 3] {
    let [x, y, z] = offset_m;
    let (sin_lat, cos_lat) = reference.lat_rad.sin_cos();
    let (sin_lon, cos_lon) = reference.lon_rad.sin_cos();
    let outwards = x * cos_lon + y * sin_lon;
    [-x * sin_lon + y * cos_lon, -outwards * sin_lat + z * cos_lat, outwards * cos_lat + z * sin_lat]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_the_reference_values_of_sofa() {
        // t_sofa.c (IAU SOFA 2023-10-11): gd2gc and gc2gd, WGS84
        let xyz = Geodetic { lon_rad: 3.1, lat_rad: -0.5, height_m: 2500.0 }.to_ecef();
        for (value, expected) in
            xyz.into_iter().zip([-5_599_000.557_704_994, 233_011.672_234_792_03, -3_040_909.470_698_336])
        {
            assert!((value - expected).abs() < 4e-9, "{value} {expected}");
        }
        let point = Geodetic::from_ecef([2e6, 3e6, 5.244e6]);
        assert!((point.lon_rad - 0.982_793_723_247_329).abs() < 1e-14);
        assert!((point.lat_rad - 0.971_601_848_190_754_6).abs() < 1e-14);
        assert!((point.height_m - 331.417_246_142_606).abs() < 4e-9);
    }

    /// The twin: SOFA's closed solution (Fukushima 2006) as sofars has it.
    #[test]
    fn equals_sofars_for_points_near_the_surface() {
        for step in 0..2000 {
            let [a, b] = crate::math::random::uniform_pair([step, 0, 0, 0], 1);
            let [c, _] = crate::math::random::uniform_pair([step, 1, 0, 0], 1);
            let there = Geodetic { lon_rad: 6.2 * (a - 0.5), lat_rad: 3.1 * (b - 0.5), height_m: 1e4 * c - 1e3 };
            let xyz = there.to_ecef();
            let twin = sofars::coords::gd2gc(1, there.lon_rad, there.lat_rad, there.height_m).unwrap();
            assert!((0..3).all(|i| (xyz[i] - twin[i]).abs() < 2e-9), "{xyz:?} {twin:?}");
            let here = Geodetic::from_ecef(xyz);
            let (lon_rad, lat_rad, height_m) = sofars::coords::gc2gd(1, xyz).unwrap();
            assert!((here.lon_rad - lon_rad).abs() < 1e-15 && (here.lat_rad - lat_rad).abs() < 1e-15);
            assert!((here.height_m - height_m).abs() < 4e-9);
        }
    }

    #[test]
    fn goes_there_and_back_everywhere() {
        for height_m in [-10_000.0, 0.0, 5000.0, 400e3] {
            for step in -180i32..=180 {
                let lat_rad = f64::from(step) * 0.5 * DEG_RAD;
                let lon_rad = f64::from(step) * 0.99 * DEG_RAD;
                let there = Geodetic { lon_rad, lat_rad, height_m };
                let back = Geodetic::from_ecef(there.to_ecef());
                // a few times the spacing of doubles at 6.4e6 m
                assert!((back.height_m - height_m).abs() < 4e-9, "{there:?} {back:?}");
                assert!((back.lat_rad - lat_rad).abs() < 1e-15, "{there:?} {back:?}");
                if step.abs() < 180 {
                    assert!((back.lon_rad - lon_rad).abs() < 1e-15, "{there:?} {back:?}");
                }
            }
        }
    }

    #[test]
    fn local_axes_are_those_of_the_ellipsoid() {
        let reference = Geodetic::from_deg(21.44, -30.7, 1000.0);
        let centre = reference.to_ecef();
        // up by 100 m is the point 100 m higher
        let up = enu_to_offset([0.0, 0.0, 100.0], reference);
        let higher = Geodetic { height_m: 1100.0, ..reference }.to_ecef();
        for axis in 0..3 {
            assert!((centre[axis] + up[axis] - higher[axis]).abs() < 4e-9);
        }
        // a small step east or north changes the longitude or the latitude alone
        let at = |enu| {
            let o = enu_to_offset(enu, reference);
            Geodetic::from_ecef([centre[0] + o[0], centre[1] + o[1], centre[2] + o[2]])
        };
        assert!(at([1.0, 0.0, 0.0]).lon_rad > reference.lon_rad);
        assert!((at([1.0, 0.0, 0.0]).lat_rad - reference.lat_rad).abs() < 1e-13);
        assert!(at([0.0, 1.0, 0.0]).lat_rad > reference.lat_rad);
        let there = [12.0, -340.5, 7.25];
        let back = offset_to_enu(enu_to_offset(there, reference), reference);
        for axis in 0..3 {
            assert!((back[axis] - there[axis]).abs() < 1e-12);
        }
    }
}
