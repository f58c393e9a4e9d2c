//! Pixels of equal area on the sphere (Gorski et al. 2005, ApJ 622, 759).

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

/// Solid angle of a pixel, sr: 4 pi/(12 nside^2).
pub fn pixel_sr(nside: u64) -> f64 {
    let nside = nside as f64;
    PI / (3.0 * nside * nside)
}

/// Longitude and latitude (rad) of the centre of pixel `pixel` in ring order, for 0 <= `pixel` < 12 nside^2 (equations 2 to 9).
pub fn ring_centre(nside: u64, pixel: u64) -> (f64, f64) {
    let cap = 2 * nside * (nside - 1);
    let all = 12 * nside * nside;
    if pixel < cap {
        let (ring, at) = in_cap(pixel);
        return (cap_longitude(ring, at), cap_latitude(nside, ring));
    }
    if pixel >= all - cap {
        // the southern cap is the northern one seen from below, in the other direction
        let (ring, at) = in_cap(all - 1 - pixel);
        return (cap_longitude(ring, 4 * ring + 1 - at), -cap_latitude(nside, ring));
    }
    let (ring, at) = ((pixel - cap) / (4 * nside) + nside, (pixel - cap) % (4 * nside) + 1);
    // every other ring starts at longitude 0, as in the HEALPix software
    let shift = 0.5 * (1 + (ring + nside) % 2) as f64;
    (FRAC_PI_2 / nside as f64 * (at as f64 - shift), belt_latitude(nside, ring))
}

/// Longitude and latitude (rad) of the centre of pixel `pixel` in nested order, for `nside` a power of 2 (equations 10 to 17).
pub fn nested_centre(nside: u64, pixel: u64) -> (f64, f64) {
    let (face, within) = (pixel / (nside * nside), pixel % (nside * nside));
    let (x, y) = (even_bits(within), even_bits(within >> 1));
    // rings from the north, from 1; the row and the column of the face
    let ring = (face / 4 + 2) * nside - (x + y) - 1;
    let column = 2 * (face % 4) + 1 - (face / 4) % 2;
    let across = x as f64 - y as f64;
    let (pixels, latitude) = if ring < nside {
        (ring, cap_latitude(nside, ring))
    } else if ring > 3 * nside {
        (4 * nside - ring, -cap_latitude(nside, 4 * nside - ring))
    } else {
        (nside, belt_latitude(nside, ring))
    };
    let longitude = FRAC_PI_4 * (column as f64 + across / pixels as f64);
    (longitude.rem_euclid(2.0 * PI), latitude)
}

/// Ring (from 1) and place in it (from 1) of a pixel of the northern cap.
fn in_cap(pixel: u64) -> (u64, u64) {
    let ring = (1 + 2 * pixel).isqrt().div_ceil(2);
    (ring, pixel + 1 - 2 * ring * (ring - 1))
}

fn cap_longitude(ring: u64, at: u64) -> f64 {
    FRAC_PI_2 / ring as f64 * (at as f64 - 0.5)
}

/// z = 1 - i^2/(3 nside^2), by the sine of half the distance from the pole, which keeps its digits there.
fn cap_latitude(nside: u64, ring: u64) -> f64 {
    FRAC_PI_2 - 2.0 * (ring as f64 / (nside as f64 * 6f64.sqrt())).asin()
}

/// z = 4/3 - 2 i/(3 nside).
fn belt_latitude(nside: u64, ring: u64) -> f64 {
    (4.0 / 3.0 - 2.0 * ring as f64 / (3.0 * nside as f64)).asin()
}

/// The bits 0, 2, 4, ... of a number, put together.
fn even_bits(number: u64) -> u64 {
    let mut bits = number & 0x5555_5555_5555_5555;
    for (shift, mask) in [
        (1, 0x3333_3333_3333_3333),
        (2, 0x0f0f_0f0f_0f0f_0f0f),
        (4, 0x00ff_00ff_00ff_00ff),
        (8, 0x0000_ffff_0000_ffff),
        (16, 0x0000_0000_ffff_ffff),
    ] {
        bits = (bits | bits >> shift) & mask;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector((longitude, latitude): (f64, f64)) -> [f64; 3] {
        [latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()]
    }

    /// nside, pixel, longitude and latitude in ring order, the same in nested order, degrees; by tests/python/catalogues.py
    /// (astropy-healpix 2.0.1).
    const REFERENCE: &str = include_str!("../../tests/data/healpix_centres.csv");

    #[test]
    fn centres_are_those_of_astropy_healpix() {
        let mut lines = 0;
        for line in REFERENCE.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.split(',').collect();
            let (nside, pixel): (u64, u64) = (words[0].parse().unwrap(), words[1].parse().unwrap());
            let numbers: Vec<f64> = words[2..].iter().map(|w| w.parse::<f64>().unwrap().to_radians()).collect();
            let pairs = [(ring_centre(nside, pixel), 0), (nested_centre(nside, pixel), 2)];
            for (got, at) in pairs.into_iter().take(if nside.is_power_of_two() { 2 } else { 1 }) {
                let want = vector((numbers[at], numbers[at + 1]));
                let off = vector(got).iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(off < 1e-13, "{line}: {got:?}");
            }
            lines += 1;
        }
        assert!(lines > 60, "{lines}");
    }

    #[test]
    fn both_orders_have_the_same_pixels() {
        for nside in [1, 2, 4, 16] {
            let sorted = |centre: fn(u64, u64) -> (f64, f64)| {
                let mut all: Vec<[i64; 2]> = (0..12 * nside * nside)
                    .map(|p| centre(nside, p))
                    // the same number wherever roundings differ, and 360 degrees are none
                    .map(|(l, b)| [(b * 1e9).round() as i64, ((l * 1e9).round() as i64).rem_euclid(6_283_185_307)])
                    .collect();
                all.sort_unstable();
                all
            };
            let (ring, nested) = (sorted(ring_centre), sorted(nested_centre));
            let near = |(a, b): (&[i64; 2], &[i64; 2])| (a[0] - b[0]).abs() <= 1 && (a[1] - b[1]).abs() <= 1;
            assert!(ring.iter().zip(&nested).all(near), "{nside}");
        }
    }

    /// A pixel is the four of the next order in it: their centres lie about its own, as far away as their area says.
    #[test]
    fn nested_pixels_hold_their_four_parts() {
        for (nside, pixel) in (0..3).map(|k| 1u64 << k).flat_map(|n| (0..12 * n * n).map(move |p| (n, p))) {
            let whole = vector(nested_centre(nside, pixel));
            let mut mean = [0.0; 3];
            for part in 4 * pixel..4 * pixel + 4 {
                let at = vector(nested_centre(2 * nside, part));
                let cos: f64 = at.iter().zip(whole).map(|(a, b)| a * b).sum();
                let side = pixel_sr(2 * nside).sqrt();
                assert!(cos.acos() < 1.2 * side, "{nside} {pixel} {part}");
                mean = std::array::from_fn(|k| mean[k] + at[k]);
            }
            let length = mean.iter().map(|v| v * v).sum::<f64>().sqrt();
            let cos: f64 = mean.iter().zip(whole).map(|(a, b)| a * b / length).sum();
            assert!(cos.clamp(-1.0, 1.0).acos() < 0.25 * pixel_sr(nside).sqrt(), "{nside} {pixel}");
        }
    }

    /// Equal areas: sums over pixels times their solid angle are integrals over the sphere.
    #[test]
    fn sums_over_pixels_are_integrals() {
        let nside = 64;
        for centre in [ring_centre, nested_centre] {
            let mut sums = [0.0; 5];
            for pixel in 0..12 * nside * nside {
                let [x, y, z] = vector(centre(nside, pixel));
                let terms = [1.0, x * x, y * y, z * z, z * z * z * z];
                sums = std::array::from_fn(|k| sums[k] + terms[k] * pixel_sr(nside));
            }
            let all = 4.0 * PI;
            for (sum, want) in sums.into_iter().zip([all, all / 3.0, all / 3.0, all / 3.0, all / 5.0]) {
                assert!((sum / want - 1.0).abs() < 2e-4, "{sum} {want}");
            }
        }
    }
}
