//! Pixels to directions, for the projections that maps of the sky come in (Calabretta & Greisen 2002, A&A 395, 1077).

use super::header::Header;
use crate::error::{Error, Result};
use crate::units::{ARCSEC_RAD, DEG_RAD, RaDec, from_galactic};
use std::f64::consts::FRAC_PI_2;

/// Where the pixels of an image are.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    kind: Kind,
    galactic: bool,
    /// Longitude and latitude of the reference pixel, rad.
    centre: RaDec,
    /// 0-based reference pixel, of the axes of longitude and latitude.
    reference_pixel: [f64; 2],
    /// Intermediate world coordinates (rad) of a step of one pixel, \[longitude, latitude\]\[axis\].
    step_rad: [[f64; 2]; 2],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Sin,
    Tan,
    Arc,
    Stg,
    Zea,
    Car,
}

impl Projection {
    /// Of the axes `longitude` and `latitude` (0-based).
    pub(super) fn new(header: &Header, longitude: usize, latitude: usize) -> Result<Projection> {
        let key = |name: &str, axis: usize| format!("{name}{}", axis + 1);
        let of_longitude = header.text(&key("CTYPE", longitude))?;
        let of_latitude = header.text(&key("CTYPE", latitude))?;
        let code = of_longitude.get(5..).unwrap_or("").trim_start_matches('-').to_string();
        let galactic = of_longitude.starts_with("GLON");
        let kind = match code.as_str() {
            "SIN" => Kind::Sin,
            "TAN" => Kind::Tan,
            "ARC" => Kind::Arc,
            "STG" => Kind::Stg,
            "ZEA" => Kind::Zea,
            "CAR" => Kind::Car,
            _ => {
                return Err(Error::input("the image has a projection that is not supported")
                    .found(format!("\"{of_longitude}\""))
                    .expected("SIN, TAN, ARC, STG, ZEA or CAR")
                    .place(header.place(&key("CTYPE", longitude)))
                    .hint("reproject the image first, for example with reproject or SWarp"));
            }
        };
        if of_latitude.get(5..).unwrap_or("").trim_start_matches('-') != code
            || of_latitude.starts_with("GL") != galactic
        {
            return Err(Error::input("the two celestial axes do not belong together")
                .found(format!("\"{of_longitude}\" and \"{of_latitude}\""))
                .place(header.place(&key("CTYPE", latitude))));
        }
        let unit = |axis: usize| match header.text(&key("CUNIT", axis))?.as_str() {
            "" | "deg" | "DEG" | "degree" | "degrees" => Ok(DEG_RAD),
            "rad" => Ok(1.0),
            "arcsec" => Ok(ARCSEC_RAD),
            "arcmin" => Ok(60.0 * ARCSEC_RAD),
            other => Err(Error::input("an angle in an unknown unit")
                .found(format!("\"{other}\""))
                .expected("deg, rad, arcmin or arcsec")
                .place(header.place(&key("CUNIT", axis)))),
        };
        let units = [unit(longitude)?, unit(latitude)?];
        let axes = [longitude, latitude];
        let (mut reference_pixel, mut value, mut step_rad) = ([0.0; 2], [0.0; 2], [[0.0; 2]; 2]);
        for (k, axis) in axes.into_iter().enumerate() {
            reference_pixel[k] = header.float_or(&key("CRPIX", axis), 0.0)? - 1.0;
            value[k] = header.float_or(&key("CRVAL", axis), 0.0)? * units[k];
            let step = header.float(&key("CDELT", axis))?;
            for (j, other) in axes.into_iter().enumerate() {
                let cd = header.float(&format!("CD{}_{}", axis + 1, other + 1))?;
                let pc = header.float(&format!("PC{}_{}", axis + 1, other + 1))?;
                step_rad[k][j] = units[k]
                    * match (cd, pc, step) {
                        (Some(cd), ..) => cd,
                        (None, pc, Some(step)) => step * pc.unwrap_or(if j == k { 1.0 } else { 0.0 }),
                        (None, ..) => 0.0,
                    };
            }
        }
        let turned = header.float_or(&key("CROTA", latitude), 0.0)?;
        if turned != 0.0 {
            return Err(Error::input("an image turned by CROTA is not supported")
                .found(turned)
                .expected("0, or a matrix of PC or CD cards")
                .place(header.place(&key("CROTA", latitude))));
        }
        let [[a, b], [c, d]] = step_rad;
        if a * d == b * c || !(a * d - b * c).is_finite() {
            return Err(Error::input("the image does not say how large its pixels are")
                .found(format!("steps {step_rad:?} rad"))
                .expected("CDELT, or a matrix of CD cards")
                .place(header.place(&key("CDELT", longitude))));
        }
        let centre = RaDec { ra_rad: value[0], dec_rad: value[1] };
        if centre.dec_rad.abs() > FRAC_PI_2 * (1.0 + 1e-12) {
            return Err(Error::input("a latitude beyond the pole")
                .found(format!("{} deg", centre.dec_rad / DEG_RAD))
                .expected("-90 to 90 deg")
                .place(header.place(&key("CRVAL", latitude))));
        }
        if kind == Kind::Car && centre.dec_rad != 0.0 {
            return Err(Error::input("a CAR image whose reference pixel is off the equator is not supported")
                .found(format!("{} deg", centre.dec_rad / DEG_RAD))
                .expected("CRVAL of the latitude 0")
                .place(header.place(&key("CRVAL", latitude))));
        }
        let pole = header.float_or("LONPOLE", if kind == Kind::Car { 0.0 } else { 180.0 })?;
        if pole != if kind == Kind::Car { 0.0 } else { 180.0 } {
            return Err(Error::input("an image with a turned native pole is not supported")
                .found(format!("LONPOLE = {pole}"))
                .place(header.place("LONPOLE")));
        }
        for m in 1..=2 {
            let key = format!("PV{}_{m}", latitude + 1);
            let value = header.float_or(&key, 0.0)?;
            if value != 0.0 {
                return Err(Error::input("a projection with parameters is not supported")
                    .found(format!("{key} = {value}"))
                    .expected("0")
                    .place(header.place(&key)));
            }
        }
        Ok(Projection { kind, galactic, centre, reference_pixel, step_rad })
    }

    /// Direction (ICRS, or of the frame of RA and Dec) and solid angle (sr) of the pixel at 0-based (x, y) of the axes of longitude
    /// and latitude; `None` outside of the map.
    pub fn pixel(&self, x: f64, y: f64) -> Option<(RaDec, f64)> {
        let at = [x - self.reference_pixel[0], y - self.reference_pixel[1]];
        let [[a, b], [c, d]] = self.step_rad;
        let (x, y) = (a * at[0] + b * at[1], c * at[0] + d * at[1]);
        let area = (a * d - b * c).abs();
        let (direction, scale) = match self.kind {
            Kind::Car => {
                if y.abs() > FRAC_PI_2 || x.abs() > 2.0 * FRAC_PI_2 {
                    return None;
                }
                (RaDec { ra_rad: self.centre.ra_rad + x, dec_rad: y }, y.cos())
            }
            _ => {
                let radius = x.hypot(y);
                // distance from the reference pixel on the sphere, and sky per plane
                let (distance, scale) = self.zenithal(radius)?;
                let stretch = if radius > 0.0 { distance.sin() / radius } else { 1.0 };
                let (l, m, n) = (x * stretch, y * stretch, distance.cos());
                (from_lmn(l, m, n, self.centre), scale)
            }
        };
        let direction = if self.galactic { from_galactic(direction.ra_rad, direction.dec_rad) } else { direction };
        Some((direction, area * scale))
    }

    fn zenithal(&self, radius: f64) -> Option<(f64, f64)> {
        match self.kind {
            Kind::Sin => (radius < 1.0).then(|| (radius.asin(), 1.0 / (1.0 - radius * radius).sqrt())),
            Kind::Tan => Some((radius.atan(), radius.atan().cos().powi(3))),
            Kind::Arc => {
                (radius < 2.0 * FRAC_PI_2).then(|| (radius, if radius > 0.0 { radius.sin() / radius } else { 1.0 }))
            }
            Kind::Stg => {
                let distance = 2.0 * (0.5 * radius).atan();
                Some((distance, (0.5 * distance).cos().powi(4)))
            }
            Kind::Zea => (radius <= 2.0).then(|| (2.0 * (0.5 * radius).asin(), 1.0)),
            Kind::Car => None,
        }
    }

    /// Direction of the pixel in OSKAR's way: direction cosines of equal steps of sin(CDELT), without regard to the header's
    /// matrix (oskar/sky/src/oskar_sky_from_image.c; data/oskar-cases/README.md, case 10).
    pub fn oskar_pixel(&self, x: f64, y: f64) -> RaDec {
        let step = self.oskar_step_rad().sin();
        let (l, m) = (-step * (x - self.reference_pixel[0]), step * (y - self.reference_pixel[1]));
        RaDec::from_lm(l, m, self.centre)
    }

    /// The step of latitude that OSKAR takes for both axes, rad.
    pub fn oskar_step_rad(&self) -> f64 {
        self.step_rad[1][1].abs()
    }

    /// Whether the axes are galactic.
    pub fn is_galactic(&self) -> bool {
        self.galactic
    }
}

fn from_lmn(l: f64, m: f64, n: f64, centre: RaDec) -> RaDec {
    let (sin, cos) = centre.dec_rad.sin_cos();
    let ra_rad = centre.ra_rad + l.atan2(n * cos - m * sin);
    RaDec { ra_rad, dec_rad: (m * cos + n * sin).clamp(-1.0, 1.0).asin() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn projection(kind: Kind, cell: f64) -> Projection {
        let (centre, step_rad) =
            (RaDec::from_deg(40.0, if kind == Kind::Car { 0.0 } else { -35.0 }), [[-cell, 0.0], [0.0, cell]]);
        Projection { kind, galactic: false, centre, reference_pixel: [200.0, 100.0], step_rad }
    }

    /// The solid angles add up to that of the cap, or band, which they cover.
    #[test]
    fn solid_angles_cover_the_sphere() {
        let pi = std::f64::consts::PI;
        for kind in [Kind::Sin, Kind::Tan, Kind::Arc, Kind::Stg, Kind::Zea] {
            let p = projection(kind, 4e-3);
            let (mut sum, reach) = (0.0, 0.3f64);
            for x in 0..400 {
                for y in -100..300 {
                    let Some((at, area)) = p.pixel(f64::from(x), f64::from(y)) else { continue };
                    let n = at.lmn(p.centre)[2];
                    if n > reach.cos() {
                        sum += area;
                    }
                }
            }
            let cap = 2.0 * pi * (1.0 - reach.cos());
            assert!((sum / cap - 1.0).abs() < 2e-3, "{kind:?}: {sum} {cap}");
        }
        let p = projection(Kind::Car, 2.0 * pi / 400.0);
        let sum: f64 = (0..400)
            .flat_map(|x| (0..200).map(move |y| (x, y)))
            .filter_map(|(x, y)| p.pixel(f64::from(x) + 0.5, f64::from(y) + 0.5))
            .map(|p| p.1)
            .sum();
        assert!((sum / (4.0 * pi) - 1.0).abs() < 1e-3, "{sum}");
    }

    /// Distances from the centre by the definition of each projection.
    #[test]
    fn pixels_are_where_the_projection_says() {
        let radius = 100.0 * 4e-3;
        for (kind, distance) in [
            (Kind::Sin, f64::asin(radius)),
            (Kind::Tan, f64::atan(radius)),
            (Kind::Arc, radius),
            (Kind::Stg, 2.0 * f64::atan(radius / 2.0)),
            (Kind::Zea, 2.0 * f64::asin(radius / 2.0)),
        ] {
            let p = projection(kind, 4e-3);
            // a hundred pixels to the west
            let (at, _) = p.pixel(300.0, 100.0).unwrap();
            let [l, m, n] = at.lmn(p.centre);
            assert!((n.acos() - distance).abs() < 1e-12 && m.abs() < 1e-12 && l < 0.0, "{kind:?}");
        }
        let oskar = projection(Kind::Sin, 1e-3);
        let [l, m, _] = oskar.oskar_pixel(190.0, 130.0).lmn(oskar.centre);
        assert!((l - 10.0 * 1e-3f64.sin()).abs() < 1e-14 && (m - 30.0 * 1e-3f64.sin()).abs() < 1e-14);
    }
}
