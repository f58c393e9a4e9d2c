//! Many orientations of one object.

use crate::error::{Error, Result};
use crate::math::random::Stream;
use crate::sky::orient::{BoxAxis, Rotation};
use crate::units::{DEG_RAD, Dimension, parse_quantity};
use std::f64::consts::{PI, TAU};

/// First word of the random stream of orientations ([`Stream::new`]).
const STREAM: u32 = 0x7669_6577;

/// A set of orientations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ViewSet {
    /// The one that is configured.
    Configured,
    /// Drawn evenly from all rotations (Shoemake 1992, "Uniform random rotations"). Number k depends on the seed and k
    /// alone.
    Random {
        /// How many.
        count: usize,
    },
    /// Viewing directions that share the sphere evenly: the Fibonacci lattice (Swinbank & Purser 2006, Q. J. R.
    /// Meteorol. Soc. 132, 1769), points of equal area in the order of falling z. The box's z axis is up.
    EqualArea {
        /// How many.
        count: usize,
    },
    /// Multiples of a turn about one of the observer's axes, from the configured orientation on: X east, Y north, Z
    /// away from the observer, right-handed.
    Steps {
        /// The axis.
        axis: BoxAxis,
        /// The turn, degrees.
        step_deg: f64,
        /// How many, the first not turned.
        count: usize,
    },
    /// skais-mapper's `rotxy`: the box, seen along z, turned about x and then about y.
    BoxTurns {
        /// About x, degrees.
        x_deg: f64,
        /// About y, degrees.
        y_deg: f64,
    },
}

/// One orientation, and which it is.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// From the box's axes to (east, north, away).
    pub rotation: Rotation,
    /// "configured", "random 3", "equal-area 3 of 12", "step 3 about x".
    pub name: String,
}

impl ViewSet {
    /// The sets of a list such as `configured,random:8,equal-area:12,step:x:30deg,step:z:15deg:4`; a bare number is so
    /// many random ones. A step without a number goes once around.
    ///
    /// # Errors
    /// A word that is none of these, a number below 1 or above 1e6, a turn of 0.
    pub fn parse_list(text: &str) -> Result<Vec<ViewSet>> {
        let words: Vec<&str> = text.split(',').map(str::trim).filter(|w| !w.is_empty()).collect();
        if words.is_empty() {
            return Err(refused(text));
        }
        words.into_iter().map(ViewSet::parse).collect()
    }

    fn parse(word: &str) -> Result<ViewSet> {
        let parts: Vec<&str> = word.split(':').map(str::trim).collect();
        let number = |text: &str| -> Result<usize> {
            text.parse().ok().filter(|n| (1..=1_000_000).contains(n)).ok_or_else(|| refused(word))
        };
        match parts.as_slice() {
            ["configured"] => Ok(ViewSet::Configured),
            ["random", count] | [count] if count.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(ViewSet::Random { count: number(count)? })
            }
            ["rotxy", x, y] => {
                let degrees = |text| Ok::<_, Error>(parse_quantity(text, Dimension::Angle)? / DEG_RAD);
                Ok(ViewSet::BoxTurns { x_deg: degrees(x)?, y_deg: degrees(y)? })
            }
            ["equal-area", count] => Ok(ViewSet::EqualArea { count: number(count)? }),
            ["step", axis, turn, rest @ ..] if rest.len() <= 1 => {
                let axis = match *axis {
                    "x" => BoxAxis::X,
                    "y" => BoxAxis::Y,
                    "z" => BoxAxis::Z,
                    _ => return Err(refused(word)),
                };
                let step_deg = parse_quantity(turn, Dimension::Angle)? / DEG_RAD;
                let around = (360.0 / step_deg.abs() - 1e-9).ceil();
                let count = match rest.first() {
                    Some(count) => number(count)?,
                    None if (1.0..=1e6).contains(&around) => around as usize,
                    None => return Err(refused(word)),
                };
                Ok(ViewSet::Steps { axis, step_deg, count })
            }
            _ => Err(refused(word)),
        }
    }

    /// How many orientations these are.
    pub fn count(&self) -> usize {
        match *self {
            ViewSet::Configured | ViewSet::BoxTurns { .. } => 1,
            ViewSet::Random { count } | ViewSet::EqualArea { count } | ViewSet::Steps { count, .. } => count,
        }
    }

    /// The orientations, where `configured` is the configured one.
    pub fn views(&self, configured: &Rotation, seed: u64) -> Vec<View> {
        match *self {
            ViewSet::Configured => vec![View { rotation: *configured, name: "configured".into() }],
            ViewSet::BoxTurns { x_deg, y_deg } => {
                let plain = Rotation { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };
                // no turn at all leaves every digit as it is
                let turn = |r: Rotation, axis, angle: f64| if angle == 0.0 { r } else { r.turned(axis, angle) };
                let rotation = turn(turn(plain, BoxAxis::X, x_deg), BoxAxis::Y, y_deg);
                vec![View { rotation, name: format!("rotxy {} {}", round(x_deg), round(y_deg)) }]
            }
            ViewSet::Random { count } => {
                (0..count).map(|k| View { rotation: random(seed, k), name: format!("random {k}") }).collect()
            }
            ViewSet::EqualArea { count } => (0..count)
                .map(|k| View {
                    rotation: Rotation::looking_from(fibonacci(k, count)),
                    name: format!("equal-area {k} of {count}"),
                })
                .collect(),
            ViewSet::Steps { axis, step_deg, count } => (0..count)
                .map(|k| View {
                    rotation: configured.turned(axis, k as f64 * step_deg),
                    name: format!("step {k} about {}", ["x", "y", "z"][axis as usize]),
                })
                .collect(),
        }
    }
}

/// Degrees that were radians on the way, for a name.
fn round(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6
}

fn refused(word: &str) -> Error {
    Error::input("these are no orientations")
        .found(format!("\"{word}\""))
        .expected(
            "a list of configured, random:N, equal-area:N, step:AXIS:ANGLE, step:AXIS:ANGLE:N and rotxy:ANGLE:ANGLE",
        )
        .hint("for example configured,random:8 or step:x:30deg; AXIS is x (east), y (north) or z (away)")
}

/// From a quaternion that is even on its sphere.
fn random(seed: u64, number: usize) -> Rotation {
    let mut draw = Stream::new(seed, [STREAM, number as u32, 0]);
    let (share, first, second) = (draw.uniform(), TAU * draw.uniform(), TAU * draw.uniform());
    let (a, b) = ((1.0 - share).sqrt(), share.sqrt());
    let [x, y, z, w] = [a * first.sin(), a * first.cos(), b * second.sin(), b * second.cos()];
    Rotation {
        rows: [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - z * w), 2.0 * (x * z + y * w)],
            [2.0 * (x * y + z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - x * w)],
            [2.0 * (x * z - y * w), 2.0 * (y * z + x * w), 1.0 - 2.0 * (x * x + y * y)],
        ],
    }
}

/// Point `number` of `count` on the unit sphere.
fn fibonacci(number: usize, count: usize) -> [f64; 3] {
    let z = 1.0 - (2.0 * number as f64 + 1.0) / count as f64;
    let azimuth = (number as f64 * PI * (3.0 - 5f64.sqrt())).rem_euclid(TAU);
    let radius = (1.0 - z * z).sqrt();
    [radius * azimuth.cos(), radius * azimuth.sin(), z]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Rotation = Rotation { rows: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]] };

    #[test]
    fn lists_of_orientations_are_read() {
        let sets = ViewSet::parse_list("configured, random:8,3,equal-area:12,step:x:30deg,step:z:-15 deg:4").unwrap();
        let expected = [
            ViewSet::Configured,
            ViewSet::Random { count: 8 },
            ViewSet::Random { count: 3 },
            ViewSet::EqualArea { count: 12 },
        ];
        assert_eq!(sets[..4], expected);
        let steps = [sets[4], sets[5]].map(|s| match s {
            ViewSet::Steps { axis, step_deg, count } => (axis, step_deg.round(), count),
            _ => panic!("{s:?}"),
        });
        assert_eq!(steps, [(BoxAxis::X, 30.0, 12), (BoxAxis::Z, -15.0, 4)]);
        for bad in ["", "all", "random", "random:0", "step:w:30deg", "step:x:0deg", "step:x:30", "step:x:1deg:2:3"] {
            assert!(ViewSet::parse_list(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn random_views_are_proper_seeded_and_even() {
        let views = ViewSet::Random { count: 4000 }.views(&PLAIN, 7);
        assert_eq!(views[5], ViewSet::Random { count: 6 }.views(&PLAIN, 7)[5]);
        assert_ne!(views[5], ViewSet::Random { count: 6 }.views(&PLAIN, 8)[5]);
        let n = views.len() as f64;
        for (i, j) in [(0, 0), (1, 2), (2, 1), (2, 2)] {
            let of = |power: i32| views.iter().map(|v| v.rotation.rows[i][j].powi(power)).sum::<f64>() / n;
            // every element of an even rotation is even in [-1, 1]: variance 1/3, of its square 4/45
            assert!(of(1).abs() < 5.0 * (1.0 / 3.0 / n).sqrt(), "{i} {j}: {}", of(1));
            assert!((of(2) - 1.0 / 3.0).abs() < 5.0 * (4.0 / 45.0 / n).sqrt(), "{i} {j}: {}", of(2));
        }
        for view in &views[..50] {
            let [e, m, a] = view.rotation.rows;
            let cross = [e[1] * m[2] - e[2] * m[1], e[2] * m[0] - e[0] * m[2], e[0] * m[1] - e[1] * m[0]];
            assert!((0..3).all(|k| (cross[k] - a[k]).abs() < 1e-12));
        }
    }

    #[test]
    fn equal_area_views_share_the_sphere() {
        let count = 500;
        let views = ViewSet::EqualArea { count }.views(&PLAIN, 0);
        // towards the observer
        let points: Vec<[f64; 3]> = views.iter().map(|v| v.rotation.rows[2].map(|x| -x)).collect();
        // caps about any pole hold their share of the points to a few of them
        for pole in [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.6, 0.0, -0.8]] {
            for cosine in [0.9, 0.5, 0.0] {
                let dot = |p: &[f64; 3]| (0..3).map(|k| p[k] * pole[k]).sum::<f64>();
                let inside = points.iter().filter(|p| dot(p) > cosine).count() as f64;
                let share = 0.5 * (1.0 - cosine) * count as f64;
                assert!((inside - share).abs() <= 6.0, "{pole:?} {cosine}: {inside} {share}");
            }
        }
        assert_eq!(views[3].name, "equal-area 3 of 500");
    }

    #[test]
    fn turns_of_the_box_come_about_x_and_then_about_y() {
        let [view] = &ViewSet::parse_list("rotxy:90deg:90deg").unwrap()[0].views(&random(1, 0), 0)[..] else {
            panic!()
        };
        // y to z about x, z to x about y
        let turned = view.rotation.apply([0.0, 1.0, 0.0]);
        assert!((0..3).all(|k| (turned[k] - [1.0, 0.0, 0.0][k]).abs() < 1e-12), "{turned:?}");
        assert_eq!(view.name, "rotxy 90 90");
        let still = ViewSet::BoxTurns { x_deg: 0.0, y_deg: 0.0 }.views(&random(1, 0), 0);
        assert_eq!(still[0].rotation, PLAIN);
    }

    #[test]
    fn steps_go_around_from_the_configured_orientation() {
        let start = random(3, 0);
        let views = ViewSet::Steps { axis: BoxAxis::Y, step_deg: 90.0, count: 5 }.views(&start, 0);
        let apart = |a: &Rotation, b: &Rotation| {
            a.rows.iter().flatten().zip(b.rows.iter().flatten()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
        };
        assert!(apart(&views[0].rotation, &start) < 1e-15 && apart(&views[4].rotation, &start) < 1e-12);
        assert!(apart(&views[1].rotation, &start.turned(BoxAxis::Y, 90.0)) < 1e-12);
        assert_eq!(views[2].name, "step 2 about y");
    }
}
