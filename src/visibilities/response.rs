use super::geometry::{Beams, Instant};
use crate::math::space::{cross, dot};
use crate::telescope::array::Aim;
use crate::telescope::beam::{ShapedBeam, StationBeams};
use crate::units::RaDec;
use rustfft::num_complex::Complex64;

/// Voltage of a station towards `directions`, with its beam towards `centre` or where the instant says, at one time and frequency: E R by rows (feeds X and Y;
/// on the sky's components north and east), 0 below its horizon.
///
/// `step` is the number of the time step, which time-variable errors of antennas belong to. Antennas are summed one by one.
pub fn station_jones(
    instant: &Instant,
    beams: &StationBeams,
    station: usize,
    centre: RaDec,
    (freq_hz, step): (f64, u32),
    directions: &[RaDec],
) -> Vec<[Complex64; 4]> {
    let response = Response::new(instant, beams, station, centre, (freq_hz, step));
    let e = response.matrices(directions);
    directions
        .iter()
        .zip(e)
        .map(|(direction, e)| {
            let (cos, sin) = instant.parallactic(station, *direction);
            [e[0] * cos + e[1] * sin, e[1] * cos - e[0] * sin, e[2] * cos + e[3] * sin, e[3] * cos - e[2] * sin]
        })
        .collect()
}

/// The same for unpolarised waves: the voltage E of the scalar mode.
pub fn station_voltage(
    instant: &Instant,
    beams: &StationBeams,
    station: usize,
    centre: RaDec,
    (freq_hz, step): (f64, u32),
    directions: &[RaDec],
) -> Vec<Complex64> {
    Response::new(instant, beams, station, centre, (freq_hz, step)).voltages(directions)
}

struct Response<'a> {
    instant: &'a Instant,
    beams: &'a StationBeams,
    station: usize,
    centre: [f64; 3],
    freq_hz: f64,
    step: u32,
}

impl<'a> Response<'a> {
    fn new(
        instant: &'a Instant,
        beams: &'a StationBeams,
        station: usize,
        centre: RaDec,
        (freq_hz, step): (f64, u32),
    ) -> Response<'a> {
        let centre = instant.aim(station).unwrap_or(centre.unit_vector());
        Response { instant, beams, station, centre, freq_hz, step }
    }

    fn is_up(&self, direction: RaDec) -> bool {
        self.instant.sin_elevation(self.station, direction.unit_vector()) >= 0.0
    }

    /// Of the circular beam.
    fn circular(&self, direction: RaDec) -> f64 {
        let beam = &self.beams.classes[self.beams.class_of[self.station]];
        let towards = direction.unit_vector();
        let sin = cross(self.centre, towards).into_iter().fold(0.0, f64::hypot);
        match (beam.is_unity(), dot(self.centre, towards) > 0.0) {
            (true, _) => 1.0,
            // a dish sees nothing behind its back
            (false, false) => 0.0,
            (false, true) => beam.voltage(sin.min(1.0), self.freq_hz),
        }
    }

    fn matrices(&self, directions: &[RaDec]) -> Vec<[Complex64; 4]> {
        let e: Vec<[Complex64; 4]> = match (&self.beams.arrays, self.of_shape()) {
            (Some(_), _) => self.of_antennas(directions, |beam, towards| beam.matrices(towards)),
            (None, Some(dish)) => dish.matrices(&unit_vectors(directions)),
            (None, None) => {
                let of = |direction: &RaDec| {
                    let voltage = self.circular(*direction);
                    [voltage, 0.0, 0.0, voltage].map(Complex64::from)
                };
                directions.iter().map(of).collect()
            }
        };
        let up = |(direction, e)| if self.is_up(direction) { e } else { [Complex64::ZERO; 4] };
        directions.iter().copied().zip(e).map(up).collect()
    }

    fn voltages(&self, directions: &[RaDec]) -> Vec<Complex64> {
        let e: Vec<Complex64> = match (&self.beams.arrays, self.of_shape()) {
            (Some(_), _) => self.of_antennas(directions, |beam, towards| beam.voltages(towards)),
            (None, Some(dish)) => dish.voltages(&unit_vectors(directions)),
            (None, None) => directions.iter().map(|direction| Complex64::from(self.circular(*direction))).collect(),
        };
        let up = |(direction, e)| if self.is_up(direction) { e } else { Complex64::ZERO };
        directions.iter().copied().zip(e).map(up).collect()
    }

    fn of_antennas<T>(
        &self,
        directions: &[RaDec],
        voltages: impl Fn(&crate::telescope::array::FormedBeam, &[[f64; 3]]) -> Vec<T>,
    ) -> Vec<T> {
        let Some(arrays) = &self.beams.arrays else { return Vec::new() };
        let stands = match self.instant.beams {
            Beams::All(_) => arrays.stands_for(self.station),
            // beams that look elsewhere are not shared
            Beams::Each(_) => self.station,
        };
        // beyond the reach of any expansion
        let aim = Aim { freq_hz: self.freq_hz, step: self.step, reach: f64::INFINITY, count: 1, epsilon: 1e-15 };
        let formed = arrays.form(stands, self.instant.horizon(stands), self.centre, &aim);
        voltages(&formed, &unit_vectors(directions))
    }

    /// A beam of any shape.
    fn of_shape(&self) -> Option<ShapedBeam> {
        let shaped = self.beams.shaped.as_ref()?;
        let slices = shaped.at(self.freq_hz);
        Some(shaped.form(&slices, self.station, self.instant.horizon(self.station), self.centre))
    }
}

fn unit_vectors(directions: &[RaDec]) -> Vec<[f64; 3]> {
    directions.iter().map(|direction| direction.unit_vector()).collect()
}
