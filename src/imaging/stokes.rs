//! Stokes parameters and linear products from XX, XY, YX, YY.
//!
//! Feeds of alt-azimuth antennas turn against the sky: V_pq = R_p B R_q^T with R = [[cos p, -sin p], [sin p, cos p]]
//! of each station's parallactic angle (beams and phases left out), B = [[I+Q, U+iV], [U-iV, I-Q]]. Turned back,
//! B = R_p^T V R_q, with the angles at the phase centre.

use crate::error::{Error, Result};
use crate::formats::visibilities::VisibilityTable;
use crate::telescope::Telescope;
use crate::time::EarthOrientation;
use crate::units::DAY_S;
use crate::visibilities::{Instant, Track};
use rustfft::num_complex::Complex64;
use std::collections::HashMap;
use std::fmt;

/// What is imaged of the polarisation products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stokes {
    /// (XX + YY)/2, as it is in the table: the rotation of the feeds leaves it alone where both stations have one
    /// parallactic angle.
    I,
    /// Linear polarisation along and across north.
    Q,
    /// Linear polarisation at 45 degrees.
    U,
    /// Circular polarisation.
    V,
    /// The product of the X feeds, in the frame of the antennas.
    XX,
    /// X and Y: the real part of its image.
    XY,
    /// X and Y: the imaginary part of its image.
    XYi,
    /// Y and X: the real part of its image.
    YX,
    /// Y and X: the imaginary part of its image.
    YXi,
    /// The product of the Y feeds.
    YY,
}

use Stokes::{I, Q, U, V, XX, XY, XYi, YX, YXi, YY};

impl Stokes {
    /// Reads "I", letters of "IQUV" in any number, or a list such as "XX,YY". XY and YX are complex images and stand
    /// for two each.
    ///
    /// # Errors
    /// Anything else, and repetitions.
    pub fn parse_list(text: &str) -> Result<Vec<Stokes>> {
        let wrong = || {
            Error::input("unknown Stokes parameters")
                .found(format!("\"{text}\""))
                .expected("I, IQUV (or some of the four), or a list of XX, XY, YX and YY, as in \"XX,YY\"")
        };
        let mut list = Vec::new();
        for word in text.split(',').map(str::trim) {
            match word {
                "XX" => list.push(XX),
                "XY" => list.extend([XY, XYi]),
                "YX" => list.extend([YX, YXi]),
                "YY" => list.push(YY),
                "" => return Err(wrong()),
                letters => {
                    for letter in letters.chars() {
                        list.push(match letter {
                            'I' => I,
                            'Q' => Q,
                            'U' => U,
                            'V' => V,
                            _ => return Err(wrong()),
                        });
                    }
                }
            }
        }
        if (1..list.len()).any(|i| list[..i].contains(&list[i])) {
            return Err(wrong());
        }
        Ok(list)
    }

    /// The value of the STOKES axis; imaginary parts have that of their product.
    pub fn axis_name(self) -> &'static str {
        match self {
            XYi => "XY",
            YXi => "YX",
            I => "I",
            Q => "Q",
            U => "U",
            V => "V",
            XX => "XX",
            XY => "XY",
            YX => "YX",
            YY => "YY",
        }
    }

    /// Whether the feeds' rotation must be undone for it.
    pub fn needs_angles(self) -> bool {
        matches!(self, Q | U | V)
    }

    /// c of the sample sum c_k V_k over k = XX, XY, YX, YY; `angles` are (cos p, sin p) of the two stations.
    pub(super) fn coefficients(self, angles: Option<[(f64, f64); 2]>) -> [Complex64; 4] {
        let real = |c: [f64; 4]| c.map(|c| Complex64::new(c, 0.0));
        match self {
            XX => real([1.0, 0.0, 0.0, 0.0]),
            XY => real([0.0, 1.0, 0.0, 0.0]),
            YX => real([0.0, 0.0, 1.0, 0.0]),
            YY => real([0.0, 0.0, 0.0, 1.0]),
            XYi => real([0.0, 1.0, 0.0, 0.0]).map(|c| c * -Complex64::I),
            YXi => real([0.0, 0.0, 1.0, 0.0]).map(|c| c * -Complex64::I),
            I | Q | U | V => {
                let [(cp, sp), (cq, sq)] = angles.unwrap_or([(1.0, 0.0); 2]);
                // columns of R_p and R_q: B_ab = sum_ij R_p[i][a] V_ij R_q[j][b]
                let b = |p: [f64; 2], q: [f64; 2]| [p[0] * q[0], p[0] * q[1], p[1] * q[0], p[1] * q[1]];
                let ([p0, p1], [q0, q1]) = ([[cp, sp], [-sp, cp]], [[cq, sq], [-sq, cq]]);
                let half = |x: [f64; 4], y: [f64; 4], sign: f64| [0, 1, 2, 3].map(|k| 0.5 * (x[k] + sign * y[k]));
                match self {
                    I => real(half(b(p0, q0), b(p1, q1), 1.0)),
                    Q => real(half(b(p0, q0), b(p1, q1), -1.0)),
                    U => real(half(b(p0, q1), b(p1, q0), 1.0)),
                    _ => real(half(b(p0, q1), b(p1, q0), -1.0)).map(|c| c * -Complex64::I),
                }
            }
        }
    }
}

impl fmt::Display for Stokes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            XYi => f.write_str("XYi"),
            YXi => f.write_str("YXi"),
            other => f.write_str(other.axis_name()),
        }
    }
}

/// Parallactic angles of the stations of each row at the phase centre.
#[derive(Debug, Clone)]
pub struct FeedAngles {
    /// (cos p, sin p) of each station, one list a time.
    of_time: Vec<Vec<(f64, f64)>>,
    /// Time and stations of each row.
    rows: Vec<(u32, u32, u32)>,
}

impl FeedAngles {
    /// The angles of `telescope`, whose station numbers the table uses.
    ///
    /// # Errors
    /// A table without times or stations, or with stations that the telescope does not have.
    pub fn new(telescope: &Telescope, table: &VisibilityTable, earth: EarthOrientation) -> Result<FeedAngles> {
        let rows = table.uvw_m.nrows();
        if [table.time_mjd_utc.len(), table.antenna1.len(), table.antenna2.len()].iter().any(|n| *n != rows) {
            return Err(Error::input("the visibility file does not say when and by which stations it was measured")
                .found("no time_mjd_utc, antenna1 or antenna2")
                .expected("all three: Stokes Q, U and V need each station's parallactic angle"));
        }
        let stations = telescope.stations.len();
        if let Some(row) = (0..rows).find(|r| table.antenna1[*r].max(table.antenna2[*r]) as usize >= stations) {
            return Err(Error::input("a station that the telescope does not have")
                .found(format!("stations {} and {}", table.antenna1[row], table.antenna2[row]))
                .expected(format!("0 to {} of {}", stations - 1, telescope.name))
                .place(format!("row {row}")));
        }
        let mut known: HashMap<u64, u32> = HashMap::new();
        let mut angles = FeedAngles { of_time: Vec::new(), rows: Vec::with_capacity(rows) };
        for row in 0..rows {
            let mjd = table.time_mjd_utc[row];
            let time = match known.get(&mjd.to_bits()) {
                Some(time) => *time,
                None => {
                    let phase_centre = table.phase_centre;
                    let track = Track {
                        phase_centre,
                        earth,
                        start_mjd_utc: mjd - 0.5 / DAY_S,
                        step_s: 1.0,
                        steps: 1,
                        pointing: Default::default(),
                        correlations: Default::default(),
                    };
                    let instant = Instant::new(telescope, &track, 0)?;
                    angles.of_time.push((0..stations).map(|s| instant.parallactic(s, phase_centre)).collect());
                    let time = angles.of_time.len() as u32 - 1;
                    known.insert(mjd.to_bits(), time);
                    time
                }
            };
            angles.rows.push((time, table.antenna1[row], table.antenna2[row]));
        }
        Ok(angles)
    }

    pub(super) fn of_row(&self, row: usize) -> [(f64, f64); 2] {
        let (time, p, q) = self.rows[row];
        let here = &self.of_time[time as usize];
        [here[p as usize], here[q as usize]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let of = |text: &str| Stokes::parse_list(text).map(|l| l.iter().map(Stokes::to_string).collect::<Vec<_>>());
        assert_eq!(of("I").unwrap(), ["I"]);
        assert_eq!(of("IQUV").unwrap(), ["I", "Q", "U", "V"]);
        assert_eq!(of("XX, XY,YY").unwrap(), ["XX", "XY", "XYi", "YY"]);
        assert_eq!(of("I,V").unwrap(), ["I", "V"]);
        for bad in ["", "X", "II", "I,", "xx", "RR", "XX,XX"] {
            assert!(of(bad).unwrap_err().to_string().contains("unknown Stokes"), "{bad}");
        }
    }

    /// V = R_p B R_q^T with 2x2 matrices, and back.
    #[test]
    fn rotation_is_undone() {
        let (p, q) = (0.7f64, -1.1f64);
        let stokes = [3.0, 0.4, -0.8, 0.15];
        let [i, q_, u, v] = stokes;
        let b =
            [[Complex64::new(i + q_, 0.0), Complex64::new(u, v)], [Complex64::new(u, -v), Complex64::new(i - q_, 0.0)]];
        let r = |p: f64| [[p.cos(), -p.sin()], [p.sin(), p.cos()]];
        let (rp, rq) = (r(p), r(q));
        let mut seen = [Complex64::ZERO; 4];
        for a in 0..2 {
            for c in 0..2 {
                for j in 0..2 {
                    for k in 0..2 {
                        seen[2 * a + c] += rp[a][j] * b[j][k] * rq[c][k];
                    }
                }
            }
        }
        let angles = Some([(p.cos(), p.sin()), (q.cos(), q.sin())]);
        let sum =
            |s: Stokes, angles| -> Complex64 { s.coefficients(angles).iter().zip(&seen).map(|(c, v)| c * v).sum() };
        for (s, expected) in [I, Q, U, V].into_iter().zip(stokes) {
            assert!((sum(s, angles) - expected).norm() < 1e-14, "{s}");
        }
        assert_eq!(sum(XX, None), seen[0]);
        assert_eq!(sum(XYi, None), -Complex64::I * seen[1]);
        // without angles Stokes I takes XX and YY alone
        assert_eq!(I.coefficients(None).map(|c| c.re), [0.5, 0.0, 0.0, 0.5]);
    }
}
