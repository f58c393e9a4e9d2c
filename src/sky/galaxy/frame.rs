//! Where one galaxy of a group stands, how it is turned, and how it moves.

use std::f64::consts::TAU;

/// Axes, centre and velocity of a galaxy in the axes of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The galaxy's x, y and z axes, unit vectors.
    pub axes: [[f64; 3]; 3],
    /// Its centre, kpc.
    pub centre_kpc: [f64; 3],
    /// Its velocity, km/s.
    pub velocity_km_s: [f64; 3],
}

impl Frame {
    /// A disc whose spin is tilted by `inclination` (rad) against the file's z axis towards the azimuth `node` + 90
    /// degrees, at rest in the origin.
    pub fn tilted(inclination: f64, node: f64) -> Frame {
        let (si, ci) = inclination.sin_cos();
        let (sn, cn) = node.sin_cos();
        Frame {
            axes: [[cn, sn, 0.0], [-ci * sn, ci * cn, si], [si * sn, -si * cn, ci]],
            centre_kpc: [0.0; 3],
            velocity_km_s: [0.0; 3],
        }
    }

    /// A spin in a direction that two uniform numbers draw evenly from all.
    pub fn random(u: f64, v: f64) -> Frame {
        Frame::tilted((1.0 - 2.0 * u).clamp(-1.0, 1.0).acos(), TAU * v)
    }

    /// A vector of the galaxy in the axes of the file.
    pub fn turned(&self, v: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|k| (0..3).map(|i| self.axes[i][k] * v[i]).sum())
    }

    /// A vector of the file in the axes of the galaxy.
    pub fn turned_back(&self, v: [f64; 3]) -> [f64; 3] {
        [0, 1, 2].map(|i| (0..3).map(|k| self.axes[i][k] * v[k]).sum())
    }

    /// A position of the galaxy in the file, kpc.
    pub fn position(&self, p: [f64; 3]) -> [f64; 3] {
        let turned = self.turned(p);
        [0, 1, 2].map(|k| self.centre_kpc[k] + turned[k])
    }

    /// A velocity within the galaxy in the file, km/s.
    pub fn velocity(&self, v: [f64; 3]) -> [f64; 3] {
        let turned = self.turned(v);
        [0, 1, 2].map(|k| self.velocity_km_s[k] + turned[k])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_a_right_handed_rotation_and_turn_back() {
        let mut frame = Frame::tilted(0.7, 2.1);
        frame.centre_kpc = [1.0, -2.0, 3.0];
        let [x, y, z] = frame.axes;
        let cross = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
        assert!((0..3).all(|k| (cross[k] - z[k]).abs() < 1e-12));
        assert!((z[2] - 0.7f64.cos()).abs() < 1e-12);
        let v = [0.3, -0.4, 0.5];
        let back = frame.turned_back(frame.turned(v));
        assert!((0..3).all(|k| (back[k] - v[k]).abs() < 1e-12));
        assert_eq!(frame.position([0.0; 3]), frame.centre_kpc);
        assert_eq!(Frame::tilted(0.0, 0.0).turned(v), v);
    }
}
