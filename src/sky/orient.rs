//! How an object is turned towards the observer.
//!
//! Observer's axes at the object: x = l east, y = m north, z away from the observer, so that
//! v_z > 0 is a redshift. On the celestial sphere east x north = outward (at RA 0, Dec 0: east is
//! +y, north +z, outward +x of the equatorial frame), hence (east, north, away) is right-handed
//! like the simulation's box and a turn is a proper rotation: nothing is mirrored. A picture with
//! north up shows east on the left because one looks at it from below z, along +z.

use super::cells::GasCells;
use crate::error::{Error, Result};
use crate::math::space::{cross, dot};
use crate::units::DEG_RAD;

/// An axis of the simulation box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoxAxis {
    /// Away is +x; east is +y, north +z.
    X,
    /// Away is +y; east is +z, north +x.
    Y,
    /// Away is +z; east is +x, north +y.
    Z,
}

/// The wanted orientation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Orientation {
    /// Not turned: the line of sight runs along this axis of the box, away from the observer.
    Box(BoxAxis),
    /// R = Rz(gamma) Rx(beta) Rz(alpha): box axes are first taken as (east, north, away), then the
    /// object is turned by alpha about z (away), by beta about x (east) and by gamma about z, all
    /// about the observer's fixed axes and right-handed. Since z points away, a positive gamma
    /// turns the picture from east to north: position angles fall by gamma.
    Euler {
        /// First turn, about z, degrees.
        alpha_deg: f64,
        /// Second turn, about x, degrees.
        beta_deg: f64,
        /// Third turn, about z, degrees.
        gamma_deg: f64,
    },
    /// By the angular momentum of the HI.
    Disc {
        /// Angle between the spin and the direction to the observer, degrees: 0 is face-on and
        /// turning counterclockwise on the sky (north through east), 90 edge-on, 180 face-on and
        /// clockwise.
        inclination_deg: f64,
        /// Position angle of the receding side of the major axis, degrees from north through east.
        position_angle_deg: f64,
        /// Which part of the disc lies on that side: the azimuth in the disc, in the sense of its
        /// rotation, counted from the projection of the box's x axis (y axis where the spin is
        /// within 25 degrees of x), degrees.
        azimuth_deg: f64,
        /// Only gas within this distance of the selection centre defines the spin, physical kpc.
        spin_within_kpc: Option<f64>,
    },
}

impl Orientation {
    /// Face-on, turning counterclockwise on the sky.
    pub fn face_on() -> Orientation {
        Orientation::Disc { inclination_deg: 0.0, position_angle_deg: 0.0, azimuth_deg: 0.0, spin_within_kpc: None }
    }

    /// Edge-on with the receding side at this position angle.
    pub fn edge_on(position_angle_deg: f64) -> Orientation {
        Orientation::Disc { inclination_deg: 90.0, position_angle_deg, azimuth_deg: 0.0, spin_within_kpc: None }
    }

    /// The rotation from box axes to the observer's.
    ///
    /// Errors: an angle is not finite; [`Orientation::Disc`] and the HI does not rotate.
    pub fn rotation(&self, cells: &GasCells) -> Result<Rotation> {
        let rows = match *self {
            Orientation::Box(BoxAxis::X) => [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
            Orientation::Box(BoxAxis::Y) => [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
            Orientation::Box(BoxAxis::Z) => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Orientation::Euler { alpha_deg, beta_deg, gamma_deg } => {
                finite(&[("alpha", alpha_deg), ("beta", beta_deg), ("gamma", gamma_deg)])?;
                multiply(about_z(gamma_deg), multiply(about_x(beta_deg), about_z(alpha_deg)))
            }
            Orientation::Disc { inclination_deg, position_angle_deg, azimuth_deg, spin_within_kpc } => {
                finite(&[
                    ("inclination", inclination_deg),
                    ("position angle", position_angle_deg),
                    ("azimuth", azimuth_deg),
                ])?;
                let spin = hi_spin(cells, spin_within_kpc)?;
                disc_rows(spin, inclination_deg * DEG_RAD, position_angle_deg * DEG_RAD, azimuth_deg * DEG_RAD)
            }
        };
        Ok(Rotation { rows })
    }
}

fn finite(angles: &[(&str, f64)]) -> Result<()> {
    match angles.iter().find(|(_, value)| !value.is_finite()) {
        Some((name, value)) => Err(Error::input(format!("the {name} of the orientation is not a number"))
            .found(value)
            .expected("a finite angle")),
        None => Ok(()),
    }
}

/// The rows that carry the disc's own axes (major, minor, spin) to where they belong on the sky.
fn disc_rows(spin: [f64; 3], inclination: f64, position_angle: f64, azimuth: f64) -> [[f64; 3]; 3] {
    let reference = if spin[0].abs() < 0.9 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
    let along = dot(reference, spin);
    let first = unit([0, 1, 2].map(|k| reference[k] - along * spin[k]));
    let second = cross(spin, first);
    let (sa, ca) = azimuth.sin_cos();
    let major = [0, 1, 2].map(|k| ca * first[k] + sa * second[k]);
    let minor = cross(spin, major);

    // Receding means spin x major has a positive z: the spin leans towards major x away.
    let ((si, ci), (sp, cp)) = (inclination.sin_cos(), position_angle.sin_cos());
    let major_sky = [sp, cp, 0.0];
    let spin_sky = [si * cp, -si * sp, -ci];
    let minor_sky = cross(spin_sky, major_sky);
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| major_sky[i] * major[j] + minor_sky[i] * minor[j] + spin_sky[i] * spin[j]))
}

/// A rotation from box axes to (east, north, away).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation {
    /// The unit vectors east, north and away in box axes.
    pub rows: [[f64; 3]; 3],
}

impl Rotation {
    /// A vector of the box in the observer's axes.
    pub fn apply(&self, vector: [f64; 3]) -> [f64; 3] {
        self.rows.map(|row| dot(row, vector))
    }

    /// The rotation that turns towards an observer in direction `observer` (box axes, unit length), with the box's z
    /// axis up, or its y axis where the observer is within 1e-3 rad of z.
    pub fn looking_from(observer: [f64; 3]) -> Rotation {
        let away = observer.map(|v| -v);
        let up = if away[2].abs() > 1.0 - 5e-7 { [0.0, 1.0, 0.0] } else { [0.0, 0.0, 1.0] };
        let along = dot(up, away);
        let north = unit([0, 1, 2].map(|k| up[k] - along * away[k]));
        Rotation { rows: [cross(north, away), north, away] }
    }

    /// This rotation and then a turn about one of the observer's axes (X east, Y north, Z away), right-handed.
    pub fn turned(&self, axis: BoxAxis, angle_deg: f64) -> Rotation {
        let turn = match axis {
            BoxAxis::X => about_x(angle_deg),
            BoxAxis::Y => about_y(angle_deg),
            BoxAxis::Z => about_z(angle_deg),
        };
        Rotation { rows: multiply(turn, self.rows) }
    }

    /// alpha, beta, gamma of [`Orientation::Euler`], degrees: beta from 0 to 180, the others from -180 to 180, gamma 0
    /// where beta leaves only the sum of the two.
    pub fn euler_deg(&self) -> [f64; 3] {
        let r = &self.rows;
        // sin beta from its two appearances: acos loses half of the digits near 0 and 180 degrees
        let sin_beta = r[2][0].hypot(r[2][1]);
        let beta = sin_beta.atan2(r[2][2]);
        let (alpha, gamma) = if sin_beta > 1e-9 {
            (r[2][0].atan2(r[2][1]), r[0][2].atan2(-r[1][2]))
        } else {
            ((-r[0][1]).atan2(r[0][0]), 0.0)
        };
        [alpha, beta, gamma].map(|angle| angle / DEG_RAD)
    }
}

/// HI-mass-weighted mean velocity in box axes, km/s; zero where there is no HI.
pub fn hi_mean_velocity_km_s(cells: &GasCells) -> [f64; 3] {
    mean_velocity(cells, |_| true)
}

fn mean_velocity(cells: &GasCells, take: impl Fn(usize) -> bool) -> [f64; 3] {
    let (mut sum, mut mass) = ([0.0; 3], 0.0);
    for (i, (velocity, m)) in cells.velocity_km_s.iter().zip(&cells.hi_mass_msun).enumerate() {
        if take(i) {
            mass += m;
            for k in 0..3 {
                sum[k] += m * velocity[k];
            }
        }
    }
    if mass > 0.0 { sum.map(|s| s / mass) } else { [0.0; 3] }
}

/// Unit vector of the HI's angular momentum in box axes, about its mean velocity.
///
/// With the mean velocity of the same gas removed, the reference point drops out of the sum.
/// Error: no HI, or an angular momentum below 1e-6 of sum m |r| |v|, which has no direction.
pub fn hi_spin(cells: &GasCells, within_kpc: Option<f64>) -> Result<[f64; 3]> {
    let limit = within_kpc.unwrap_or(f64::INFINITY);
    let inside = |i: usize| dot(cells.position_kpc[i], cells.position_kpc[i]).sqrt() <= limit;
    let mean = mean_velocity(cells, inside);
    let (mut spin, mut scale) = ([0.0; 3], 0.0);
    for i in (0..cells.len()).filter(|&i| inside(i)) {
        let velocity = [0, 1, 2].map(|k| cells.velocity_km_s[i][k] - mean[k]);
        let (position, mass) = (cells.position_kpc[i], cells.hi_mass_msun[i]);
        let moment = cross(position, velocity);
        for k in 0..3 {
            spin[k] += mass * moment[k];
        }
        scale += mass * (dot(position, position) * dot(velocity, velocity)).sqrt();
    }
    let length = dot(spin, spin).sqrt();
    if length > 1e-6 * scale {
        return Ok(spin.map(|s| s / length));
    }
    let whose = match within_kpc {
        Some(radius) => format!("the HI within {radius} kpc has no net rotation, so face-on has no meaning"),
        None => "the HI has no net rotation, so face-on has no meaning".into(),
    };
    Err(Error::input(whose)
        .found(format!("|sum m r x v| = {length:.3e} of sum m |r| |v| = {scale:.3e} Msun kpc km/s"))
        .expected("a rotating object")
        .hint("give Euler angles or an axis of the box instead"))
}

fn unit(a: [f64; 3]) -> [f64; 3] {
    let length = dot(a, a).sqrt();
    a.map(|v| v / length)
}

fn about_z(angle_deg: f64) -> [[f64; 3]; 3] {
    let (s, c) = (angle_deg * DEG_RAD).sin_cos();
    [[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]]
}

fn about_y(angle_deg: f64) -> [[f64; 3]; 3] {
    let (s, c) = (angle_deg * DEG_RAD).sin_cos();
    [[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]]
}

fn about_x(angle_deg: f64) -> [[f64; 3]; 3] {
    let (s, c) = (angle_deg * DEG_RAD).sin_cos();
    [[1.0, 0.0, 0.0], [0.0, c, -s], [0.0, s, c]]
}

fn multiply(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    [0, 1, 2].map(|i| [0, 1, 2].map(|j| (0..3).map(|k| a[i][k] * b[k][j]).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: [f64; 3], b: [f64; 3]) {
        assert!((0..3).all(|k| (a[k] - b[k]).abs() < 1e-12), "{a:?} {b:?}");
    }

    /// Four bodies that turn about `spin`.
    fn ring(spin: [f64; 3]) -> GasCells {
        let mut cells = GasCells { scale_factor: 1.0, ..GasCells::default() };
        let spin = unit(spin);
        let first = unit(cross(spin, [0.3, -0.2, 0.9]));
        let second = cross(spin, first);
        for k in 0..4 {
            let (s, c) = (std::f64::consts::FRAC_PI_2 * f64::from(k) + 0.2).sin_cos();
            let position = [0, 1, 2].map(|i| 10.0 * (c * first[i] + s * second[i]));
            let velocity = cross(spin, position).map(|v| v * 12.0);
            cells.position_kpc.push(position);
            // a bulk motion, which must not matter
            cells.velocity_km_s.push([velocity[0] + 300.0, velocity[1] - 100.0, velocity[2] + 50.0]);
            cells.hi_mass_msun.push(1e6);
            cells.volume_kpc3.push(1.0);
            cells.sigma_km_s.push(8.0);
        }
        cells
    }

    fn orientations() -> Vec<Orientation> {
        vec![
            Orientation::Box(BoxAxis::X),
            Orientation::Box(BoxAxis::Y),
            Orientation::Box(BoxAxis::Z),
            Orientation::Euler { alpha_deg: 20.0, beta_deg: 50.0, gamma_deg: -70.0 },
            Orientation::face_on(),
            Orientation::edge_on(40.0),
            Orientation::Disc {
                inclination_deg: 130.0,
                position_angle_deg: 200.0,
                azimuth_deg: 33.0,
                spin_within_kpc: Some(30.0),
            },
        ]
    }

    #[test]
    fn every_orientation_is_a_proper_rotation() {
        for spin in [[0.2, 0.5, -0.7], [1.0, 0.01, 0.0], [0.0, 0.0, 1.0]] {
            let cells = ring(spin);
            for orientation in orientations() {
                let [e, n, a] = orientation.rotation(&cells).unwrap().rows;
                close(cross(e, n), a);
                close(cross(n, a), e);
                assert!((dot(e, e) - 1.0).abs() < 1e-12 && dot(e, n).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn east_north_away_is_right_handed_on_the_sky() {
        use crate::units::RaDec;
        // finite steps to the east and to the north of a direction, and the direction itself
        let at = RaDec::from_deg(50.0, -30.0);
        let step = 1e-5;
        let here = at.unit_vector();
        let towards = |l, m| {
            let there = RaDec::from_lm(l, m, at).unit_vector();
            unit([0, 1, 2].map(|k| there[k] - here[k]))
        };
        let outward = cross(towards(step, 0.0), towards(0.0, step));
        assert!(dot(outward, here) > 0.999_999);
    }

    #[test]
    fn euler_angles_turn_in_the_written_order() {
        let cells = GasCells::default();
        let turn = |alpha_deg, beta_deg, gamma_deg| {
            Orientation::Euler { alpha_deg, beta_deg, gamma_deg }.rotation(&cells).unwrap()
        };
        // alpha: east -> north. Then beta about east: north -> away. Then gamma leaves away alone.
        close(turn(90.0, 0.0, 0.0).apply([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]);
        close(turn(90.0, 90.0, 0.0).apply([1.0, 0.0, 0.0]), [0.0, 0.0, 1.0]);
        close(turn(90.0, 90.0, 77.0).apply([1.0, 0.0, 0.0]), [0.0, 0.0, 1.0]);
        close(turn(0.0, 0.0, 90.0).apply([0.0, 1.0, 0.0]), [-1.0, 0.0, 0.0]);
    }

    #[test]
    fn euler_angles_come_back_from_the_rotation() {
        let cells = ring([0.2, 0.5, -0.7]);
        let mut all = orientations();
        for beta_deg in [0.0, 1e-4, 90.0, 180.0 - 1e-4, 180.0] {
            all.push(Orientation::Euler { alpha_deg: 100.0, beta_deg, gamma_deg: -30.0 });
        }
        for orientation in all {
            let rotation = orientation.rotation(&cells).unwrap();
            let [alpha_deg, beta_deg, gamma_deg] = rotation.euler_deg();
            let again = Orientation::Euler { alpha_deg, beta_deg, gamma_deg }.rotation(&cells).unwrap();
            (0..3).for_each(|k| close(rotation.rows[k], again.rows[k]));
        }
    }

    #[test]
    fn views_from_a_direction_see_it_in_the_middle_with_z_up() {
        for observer in [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], unit([0.3, -0.8, 0.1])] {
            let rotation = Rotation::looking_from(observer);
            close(rotation.apply(observer), [0.0, 0.0, -1.0]);
            let [e, n, a] = rotation.rows;
            close(cross(e, n), a);
            let z = rotation.apply([0.0, 0.0, 1.0]);
            assert!(z[0].abs() < 1e-12 && z[1] >= 0.0, "{z:?}");
        }
        // about north, what was east comes towards the observer: z points away
        let plain = Rotation { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };
        close(plain.turned(BoxAxis::Y, 90.0).apply([1.0, 0.0, 0.0]), [0.0, 0.0, -1.0]);
        close(plain.turned(BoxAxis::X, 90.0).apply([0.0, 1.0, 0.0]), [0.0, 0.0, 1.0]);
        close(plain.turned(BoxAxis::Z, 90.0).apply([1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn disc_spin_and_receding_side_are_where_they_were_asked() {
        for spin in [[0.2, 0.5, -0.7], [-1.0, 0.1, 0.05]] {
            let cells = ring(spin);
            for (i, pa) in [(0.0, 10.0), (35.0, 120.0), (90.0, 300.0), (150.0, 45.0)] {
                let orientation = Orientation::Disc {
                    inclination_deg: i,
                    position_angle_deg: pa,
                    azimuth_deg: 12.0,
                    spin_within_kpc: None,
                };
                let rotation = orientation.rotation(&cells).unwrap();
                let on_sky = rotation.apply(unit(spin));
                assert!((on_sky[2] + (i * DEG_RAD).cos()).abs() < 1e-12);
                // v at the major axis, the whole of it being sin i along z
                let major = [(pa * DEG_RAD).sin(), (pa * DEG_RAD).cos(), 0.0];
                assert!((cross(on_sky, major)[2] - (i * DEG_RAD).sin()).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_body_at_rest_has_no_face() {
        let mut cells = ring([0.0, 0.0, 1.0]);
        cells.velocity_km_s.iter_mut().for_each(|v| *v = [5.0, 6.0, 7.0]);
        let error = Orientation::face_on().rotation(&cells).unwrap_err().to_string();
        assert!(error.contains("no net rotation") && error.contains("Euler"), "{error}");
        let nan = Orientation::Euler { alpha_deg: f64::NAN, beta_deg: 0.0, gamma_deg: 0.0 };
        assert!(nan.rotation(&cells).is_err());
    }
}
