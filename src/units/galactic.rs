use super::RaDec;

/// Rows: axes of the galactic system in ICRS (Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1, eq. 1.5.11).
const AXES: [[f64; 3]; 3] = [
    [-0.054_875_560_416_215_4, -0.873_437_090_234_885, -0.483_835_015_548_713_2],
    [0.494_109_427_875_583_7, -0.444_829_629_960_011_2, 0.746_982_244_497_219],
    [-0.867_666_149_019_004_7, -0.198_076_373_431_201_5, 0.455_983_776_175_066_9],
];

/// The direction of galactic longitude and latitude in ICRS.
pub fn from_galactic(longitude_rad: f64, latitude_rad: f64) -> RaDec {
    let [x, y, z] = RaDec { ra_rad: longitude_rad, dec_rad: latitude_rad }.unit_vector();
    let [x, y, z] = [0, 1, 2].map(|k| AXES[0][k] * x + AXES[1][k] * y + AXES[2][k] * z);
    RaDec { ra_rad: y.atan2(x), dec_rad: z.clamp(-1.0, 1.0).asin() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pole, centre and Cygnus A in both systems (SIMBAD: 19 59 28.357 +40 44 02.10, 076.1899 +05.7554).
    #[test]
    fn known_directions() {
        for (l, b, ra, dec) in [
            (0.0, 90.0, 192.859_48, 27.128_25),
            (0.0, 0.0, 266.405_1, -28.936_2),
            (76.1899, 5.7554, 299.868_15, 40.733_92),
        ] {
            let got = from_galactic(f64::to_radians(l), f64::to_radians(b));
            let ra_deg = got.ra_rad.to_degrees().rem_euclid(360.0);
            assert!(
                (ra_deg - ra).abs() < 2e-4 && (got.dec_rad.to_degrees() - dec).abs() < 1e-4,
                "{got:?} {ra_deg} {ra} {dec}"
            );
        }
    }
}
