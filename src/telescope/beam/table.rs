//! Beams as tables over direction cosines and frequency.

use crate::error::{Error, Result};
use rustfft::num_complex::Complex64;

/// How values between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interpolation {
    /// The cubic through four pixels each way: errors of at most 3/128 h^4 (1/24 h^4 within a pixel of the edge) times the fourth
    /// derivative along each axis, h the pixel.
    #[default]
    Cubic,
    /// The plane through two pixels each way: errors of at most 1/8 h^2 times the second derivative along each axis.
    Linear,
}

impl Interpolation {
    fn points(self) -> usize {
        match self {
            Interpolation::Cubic => 4,
            Interpolation::Linear => 2,
        }
    }
}

/// Equal steps along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Of the first pixel.
    pub first: f64,
    /// From one pixel to the next, not 0.
    pub step: f64,
    /// Pixels.
    pub count: usize,
}

/// What the numbers of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Voltages.
    Voltage,
    /// Powers, of which the root is taken once they are interpolated.
    Power,
}

/// A beam as a table.
#[derive(Debug, Clone, PartialEq)]
pub struct BeamTable {
    /// Direction cosines from the pointing in the frame of the mount.
    pub l: Grid,
    /// The same along m.
    pub m: Grid,
    /// Frequencies of the planes, Hz, ascending; empty for one plane that holds at all.
    pub freq_hz: Vec<f64>,
    /// 1, the same of both feeds; or 4, the feeds X and Y (rows) for both components of a wave.
    pub components: usize,
    /// \[plane\]\[m\]\[l\]\[component\].
    pub values: Vec<Complex64>,
    /// What they are.
    pub quantity: Quantity,
    /// How they are interpolated.
    pub interpolation: Interpolation,
    /// Whence it comes, for headers.
    pub name: String,
}

/// A table at one frequency.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    l: Grid,
    m: Grid,
    components: usize,
    values: Vec<Complex64>,
    quantity: Quantity,
    interpolation: Interpolation,
}

impl BeamTable {
    /// # Errors
    /// Numbers that do not fit together, fewer pixels than the interpolation takes, powers below 0.
    pub fn check(&self) -> Result<()> {
        let planes = self.freq_hz.len().max(1);
        let least = self.interpolation.points();
        if self.l.count.min(self.m.count) < least {
            return Err(Error::input("a table of a beam has too few pixels")
                .found(format!("{} x {}", self.l.count, self.m.count))
                .expected(format!("at least {least} along each side"))
                .place(&self.name));
        }
        let fits = self.values.len() == planes * self.l.count * self.m.count * self.components
            && [1, 4].contains(&self.components)
            && self.l.step != 0.0
            && self.m.step != 0.0
            && self.freq_hz.windows(2).all(|pair| pair[0] < pair[1]);
        if !fits {
            return Err(Error::input("a table of a beam does not fit together")
                .found(format!("{} values, frequencies {:?}", self.values.len(), self.freq_hz))
                .expected("as many as its axes say, steps other than 0, ascending frequencies")
                .place(&self.name));
        }
        let negative = |v: &&Complex64| self.quantity == Quantity::Power && (v.re < 0.0 || v.im != 0.0);
        match self.values.iter().find(negative) {
            None => Ok(()),
            Some(value) => Err(Error::input("a table of powers has values below 0")
                .found(value.re)
                .expected("powers of 0 or more")
                .place(&self.name)
                .hint("a table of voltages is read with telescope.beam_values = \"voltage\"")),
        }
    }

    /// Lowest and highest frequency that it stands for, Hz: half a step beyond its planes.
    fn range_hz(&self) -> Option<[f64; 2]> {
        let (first, last) = (*self.freq_hz.first()?, *self.freq_hz.last()?);
        let half = match self.freq_hz.as_slice() {
            [a, b, ..] => 0.5 * (b - a),
            _ => return None,
        };
        let end = self.freq_hz.len() - 1;
        Some([first - half, last + 0.5 * (last - self.freq_hz[end - 1])])
    }

    /// # Errors
    /// A frequency beyond the planes.
    pub(super) fn covers(&self, freq_hz: f64) -> Result<()> {
        match self.range_hz() {
            Some([low, high]) if !(low..=high).contains(&freq_hz) => {
                Err(Error::input("the beam's table does not reach this frequency")
                    .found(format!("{:.6} MHz", freq_hz / 1e6))
                    .expected(format!("{:.6} to {:.6} MHz, half a plane beyond its planes", low / 1e6, high / 1e6))
                    .place(&self.name))
            }
            _ => Ok(()),
        }
    }

    /// The table at a frequency: linear between planes, the outermost one beyond them.
    pub(super) fn at(&self, freq_hz: f64) -> Plane {
        let size = self.l.count * self.m.count * self.components;
        let plane = |number: usize| &self.values[number * size..][..size];
        let above = self.freq_hz.iter().position(|known| *known >= freq_hz).unwrap_or(self.freq_hz.len());
        let last = self.freq_hz.len().max(1) - 1;
        let values = match above {
            0 => plane(0).to_vec(),
            above if above > last => plane(last).to_vec(),
            above => {
                let (low, high) = (self.freq_hz[above - 1], self.freq_hz[above]);
                let part = (freq_hz - low) / (high - low);
                plane(above - 1).iter().zip(plane(above)).map(|(a, b)| a + (b - a) * part).collect()
            }
        };
        Plane {
            l: self.l,
            m: self.m,
            components: self.components,
            values,
            quantity: self.quantity,
            interpolation: self.interpolation,
        }
    }
}

impl Plane {
    /// One or four voltages; `None` beyond the table, whose pixels end at their centres.
    pub fn voltages(&self, [l, m]: [f64; 2]) -> Option<[Complex64; 4]> {
        let (x, across) = weights(self.l, l, self.interpolation)?;
        let (y, along) = weights(self.m, m, self.interpolation)?;
        let mut sum = [Complex64::ZERO; 4];
        let points = self.interpolation.points();
        for (j, wy) in along.iter().enumerate().take(points) {
            let row = ((y + j) * self.l.count + x) * self.components;
            let row = &self.values[row..][..points * self.components];
            for (pixel, wx) in row.chunks_exact(self.components).zip(&across) {
                let weight = wx * wy;
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value * weight);
            }
        }
        Some(match self.quantity {
            Quantity::Voltage => sum,
            // a cubic may fall below 0 where the power does not
            Quantity::Power => sum.map(|power| Complex64::from(power.re.max(0.0).sqrt())),
        })
    }

    /// Whether feeds and components differ.
    pub fn is_matrix(&self) -> bool {
        self.components == 4
    }
}

/// First pixel and Lagrange's weights of the pixels from it.
fn weights(grid: Grid, at: f64, interpolation: Interpolation) -> Option<(usize, [f64; 4])> {
    let place = (at - grid.first) / grid.step;
    let last = (grid.count - 1) as f64;
    // what rounding puts beyond the last pixel is on it
    if !(-1e-9..=last + 1e-9).contains(&place) {
        return None;
    }
    let points = interpolation.points();
    let before = (place.floor() as isize - (points as isize / 2 - 1)).clamp(0, (grid.count - points) as isize) as usize;
    let t = place - before as f64;
    let weights = match interpolation {
        Interpolation::Linear => [1.0 - t, t, 0.0, 0.0],
        Interpolation::Cubic => {
            let [a, b, c, d] = [t, t - 1.0, t - 2.0, t - 3.0];
            [-b * c * d / 6.0, a * c * d / 2.0, -a * b * d / 2.0, a * b * c / 6.0]
        }
    };
    Some((before, weights))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telescope::beam::{GaussianBeam, VoltageBeam};

    /// Half the power of a 13.5 m dish at 1.4 GHz lies 1.05 degrees away; a table of so many pixels to 4.6 degrees.
    fn table(count: usize, interpolation: Interpolation) -> BeamTable {
        let step = 0.16 / (count - 1) as f64;
        let grid = Grid { first: -0.08, step, count };
        let beam = GaussianBeam { diameter_m: 13.5 };
        let value = |k: usize| {
            let (l, m) = (grid.first + (k % count) as f64 * step, grid.first + (k / count) as f64 * step);
            let voltage = beam.voltage(l.hypot(m), 1.4e9);
            Complex64::new(voltage, 0.3 * l * voltage)
        };
        let values = (0..count * count).map(value).collect();
        BeamTable {
            l: grid,
            m: Grid { first: 0.08, step: -step, ..grid },
            freq_hz: Vec::new(),
            components: 1,
            values,
            quantity: Quantity::Voltage,
            interpolation,
            name: "table".into(),
        }
    }

    #[test]
    fn finely_sampled_beams_come_back_to_the_stated_accuracy() {
        let beam = GaussianBeam { diameter_m: 13.5 };
        // exp(-x^2/(2 s^2)): largest second and fourth derivatives 1/s^2 and 3/s^4; s of the voltage
        let fwhm = 66f64.to_radians() * crate::units::C_M_S / 1.4e9 / 13.5;
        let s = fwhm / (4.0 * std::f64::consts::LN_2).sqrt();
        for (count, interpolation) in
            [(65, Interpolation::Cubic), (129, Interpolation::Cubic), (65, Interpolation::Linear)]
        {
            let table = table(count, interpolation);
            table.check().unwrap();
            let plane = table.at(1e9);
            let h = table.l.step / s;
            let bound = 2.0
                * match interpolation {
                    Interpolation::Cubic => 3.0 / 128.0 * h.powi(4) * 3.0,
                    Interpolation::Linear => h * h / 8.0,
                };
            let mut worst = 0.0f64;
            for k in 0..4000 {
                let (l, m) = (0.079 * (1.3 * f64::from(k)).sin(), 0.079 * (2.1 * f64::from(k)).cos());
                let got = plane.voltages([l, m]).unwrap()[0];
                // rows run against m
                let want = beam.voltage(l.hypot(m), 1.4e9);
                worst = worst.max((got.re - want).abs());
                assert!((got.im - 0.3 * l * want).abs() < bound, "{l} {m}");
            }
            assert!(worst < bound && worst > 0.05 * bound, "{count} {interpolation:?}: {worst} of {bound}");
        }
    }

    #[test]
    fn cubics_are_exact_everywhere_and_outside_there_is_nothing() {
        let count = 6;
        let grid = Grid { first: -1.0, step: 0.4, count };
        let cubic = |l: f64, m: f64| 1.0 + l * l * l - 2.0 * l * m * m + 0.5 * m * m * m;
        let value = |k: usize| Complex64::from(cubic(-1.0 + 0.4 * (k % count) as f64, -1.0 + 0.4 * (k / count) as f64));
        let values = (0..count * count).map(value).collect();
        let table = BeamTable { l: grid, m: grid, values, ..table(4, Interpolation::Cubic) };
        let plane = table.at(1e9);
        for (l, m) in [(-1.0, 1.0), (0.99, -0.97), (0.03, 0.5), (1.0, 1.0)] {
            assert!((plane.voltages([l, m]).unwrap()[0] - cubic(l, m)).norm() < 1e-13, "{l} {m}");
        }
        assert!(plane.voltages([1.001, 0.0]).is_none() && plane.voltages([0.0, f64::NAN]).is_none());
    }

    #[test]
    fn planes_are_linear_in_frequency_and_end_half_a_step_beyond() {
        let grid = Grid { first: 0.0, step: 1.0, count: 2 };
        let values = [1.0, 3.0, 4.0].iter().flat_map(|v| vec![Complex64::from(*v); 4]).collect();
        let table =
            BeamTable { l: grid, m: grid, freq_hz: vec![1e9, 1.2e9, 1.3e9], values, ..table(2, Interpolation::Linear) };
        table.check().unwrap();
        for (freq_hz, want) in [(0.9e9, 1.0), (1e9, 1.0), (1.05e9, 1.5), (1.25e9, 3.5), (1.34e9, 4.0)] {
            let got = table.at(freq_hz).voltages([0.3, 0.6]).unwrap()[0].re;
            assert!((got - want).abs() < 1e-14, "{freq_hz}: {got}");
            table.covers(freq_hz).unwrap();
        }
        let message = table.covers(1.36e9).unwrap_err().to_string();
        assert!(message.contains("900.000000 to 1350.000000 MHz"), "{message}");
    }

    #[test]
    fn powers_have_their_root_taken_and_must_not_be_negative() {
        let mut powers = table(65, Interpolation::Cubic);
        powers.values.iter_mut().for_each(|v| *v = Complex64::from(v.re * v.re));
        powers.quantity = Quantity::Power;
        powers.check().unwrap();
        let got = powers.at(1e9).voltages([0.01, -0.02]).unwrap()[0];
        let want = GaussianBeam { diameter_m: 13.5 }.voltage(0.01f64.hypot(0.02), 1.4e9);
        assert!((got.re - want).abs() < 1e-5 && got.im == 0.0, "{got} {want}");
        powers.values[7] = Complex64::from(-1e-3);
        assert!(powers.check().unwrap_err().to_string().contains("below 0"));
        let few = table(3, Interpolation::Cubic);
        assert!(few.check().unwrap_err().to_string().contains("too few pixels"));
    }
}
