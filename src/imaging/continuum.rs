//! Continuum subtraction: polynomials in frequency fitted to line-free channels, in images or in visibilities.
//!
//! The fit is weighted least squares on Legendre polynomials of the frequencies mapped to [-1, 1] (the span is that of
//! all polynomials of the order; the basis keeps the normal equations well conditioned). In the image it is applied to
//! each pixel, in the uv plane to the real and the imaginary part of each visibility (Sault 1994, A&AS 108, 55, section
//! 2; Cornwell, Uson & Haddad 1992, A&A 258, 583). The uv plane is exact for a flat source at the phase centre and loses
//! accuracy as the phase of a source turns within the band, |u l + v m| (change of frequency / c); the image plane loses
//! it as the PSF changes with frequency.
//!
//! Subtraction adds the fit's own noise to each channel: [`ContinuumFit::noise_factor`].

use crate::error::{Error, Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use nalgebra::{DMatrix, DVector};
use ndarray::{Array2, Array3, Axis};
use rayon::prelude::*;
use rustfft::num_complex::Complex64;
use std::ops::RangeInclusive;

/// Highest order accepted: beyond it a "continuum" follows the line.
const MOST_ORDER: usize = 9;
/// Rows of visibilities between two looks at the stop flag.
const ROWS: usize = 4096;

/// Which channels hold no line, and how the continuum runs through them.
#[derive(Debug, Clone, PartialEq)]
pub struct ContinuumFit {
    order: usize,
    /// Whether each channel takes part in the fit.
    free: Vec<bool>,
    /// Legendre polynomials of each channel's frequency, shape [channel, order + 1].
    basis: Array2<f64>,
}

/// What subtraction in the uv plane did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UvContinuumReport {
    /// Rows and products fitted and subtracted.
    pub fitted: usize,
    /// Rows and products with some unflagged channels, but too few free of line for the order: now flagged throughout.
    pub flagged: usize,
    /// Rows and products flagged throughout before.
    pub empty: usize,
}

/// Reads ranges of channels such as "0-9,50-63,70" (both ends included, from 0; wsclean and CASA users may write
/// "0~9;50~63").
///
/// # Errors
/// What is no such list; a range that runs backwards.
pub fn parse_channel_ranges(text: &str) -> Result<Vec<RangeInclusive<usize>>> {
    let wrong = |part: &str| {
        Error::input("not a range of channels")
            .found(format!("\"{part}\""))
            .expected("channel numbers from 0 and ranges of them, as in \"0-9,50-63\"")
    };
    let one = |part: &str| {
        let (first, last) = part.split_once(['-', '~']).unwrap_or((part, part));
        let number = |s: &str| s.trim().parse::<usize>().map_err(|_| wrong(part));
        let (first, last) = (number(first)?, number(last)?);
        if first > last { Err(wrong(part).hint("write the lower channel first")) } else { Ok(first..=last) }
    };
    text.split([',', ';']).map(one).collect()
}

impl ContinuumFit {
    /// A polynomial of `order` in frequency through the channels in `line_free` (ends included; overlaps count once).
    ///
    /// # Errors
    /// Frequencies that are not finite or, between free channels, equal; ranges beyond the channels; an order above 9;
    /// fewer free channels than coefficients.
    pub fn new(freq_hz: &[f64], line_free: &[RangeInclusive<usize>], order: usize) -> Result<ContinuumFit> {
        let channels = freq_hz.len();
        if let Some(channel) = freq_hz.iter().position(|f| !f.is_finite()) {
            return Err(Error::input("a channel's frequency is not a finite number")
                .found(freq_hz[channel])
                .place(format!("channel {channel}")));
        }
        if order > MOST_ORDER {
            return Err(Error::input("order of the continuum out of range")
                .found(order)
                .expected(format!("at most {MOST_ORDER}")));
        }
        let mut free = vec![false; channels];
        for range in line_free {
            if range.is_empty() || *range.end() >= channels {
                return Err(Error::input("a range of line-free channels does not fit the data")
                    .found(format!("{} to {}", range.start(), range.end()))
                    .expected(format!("channels 0 to {}", channels.saturating_sub(1))));
            }
            free[range.clone()].fill(true);
        }
        let mut used: Vec<f64> = freq_hz.iter().zip(&free).filter(|(_, f)| **f).map(|(f, _)| *f).collect();
        if used.len() <= order {
            return Err(too_few(used.len(), order));
        }
        used.sort_by(f64::total_cmp);
        if used.windows(2).any(|w| w[0] == w[1]) {
            return Err(Error::input("two line-free channels have the same frequency"));
        }
        let (low, high) = freq_hz.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), f| (a.min(*f), b.max(*f)));
        let span = if high > low { high - low } else { 1.0 };
        let mut basis = Array2::ones((channels, order + 1));
        for (channel, f) in freq_hz.iter().enumerate() {
            let x = 2.0 * (f - low) / span - 1.0;
            for k in 1..=order {
                let before = if k > 1 { basis[[channel, k - 2]] } else { 0.0 };
                let n = k as f64;
                basis[[channel, k]] = ((2.0 * n - 1.0) * x * basis[[channel, k - 1]] - (n - 1.0) * before) / n;
            }
        }
        Ok(ContinuumFit { order, free, basis })
    }

    /// Whether each channel takes part in the fit.
    pub fn line_free(&self) -> &[bool] {
        &self.free
    }

    /// Noise of each channel after subtraction over its noise before, for channels of weights 1/sigma^2 (independent
    /// noise): sqrt(1 + w x^T C x) outside the fitted channels, sqrt(1 - w x^T C x) inside, C the covariance of the
    /// coefficients. 1 where a channel has no weight.
    ///
    /// # Errors
    /// As [`ContinuumFit::subtract_image`] on the weights.
    pub fn noise_factor(&self, weights: &[f64]) -> Result<Vec<f64>> {
        let covariance = self.covariance(weights)?;
        let factor = |channel: usize| {
            let x = self.row(channel);
            let fitted = weights[channel] * x.dot(&(&covariance * &x));
            let used = self.free[channel];
            (1.0 + if used { -fitted } else { fitted }).max(0.0).sqrt()
        };
        Ok((0..self.free.len()).map(factor).collect())
    }

    /// Fits the continuum of every pixel of `cube` (shape [channel, y, x]) with one weight for each channel (1/noise^2;
    /// 0 leaves a channel out), subtracts it from all channels, and returns it. `watch` advances by one a channel.
    ///
    /// # Errors
    /// Numbers of channels that differ; weights that are negative or no numbers; too few line-free channels with
    /// weight; pixels of fitted channels that are not finite; an interrupt (the cube is then unchanged).
    pub fn subtract_image(&self, cube: &mut Array3<f64>, weights: &[f64], watch: &Watch) -> Result<Array3<f64>> {
        let (channels, ny, nx) = cube.dim();
        if channels != self.free.len() {
            return Err(Error::input("the cube does not have the channels of the continuum fit")
                .found(channels)
                .expected(self.free.len()));
        }
        let covariance = self.covariance(weights)?;
        let used: Vec<usize> = (0..channels).filter(|&c| self.free[c] && weights[c] > 0.0).collect();
        for &channel in &used {
            let plane = cube.index_axis(Axis(0), channel);
            if let Some((at, value)) = plane.indexed_iter().find(|(_, v)| !v.is_finite()) {
                return Err(Error::input("a pixel of a line-free channel is not a finite number")
                    .found(value)
                    .place(format!("channel {channel}, pixel (y, x) = {at:?}")));
            }
        }
        // row c: what each used channel contributes to the continuum of channel c
        let mut continuum = Array3::zeros((channels, ny, nx));
        let planes = continuum.axis_iter_mut(Axis(0)).into_par_iter().enumerate();
        planes.try_for_each(|(channel, mut plane)| {
            let towards = &covariance * self.row(channel);
            for &from in &used {
                let share = weights[from] * towards.dot(&self.row(from));
                plane.scaled_add(share, &cube.index_axis(Axis(0), from));
            }
            watch.advance(1)
        })?;
        *cube -= &continuum;
        Ok(continuum)
    }

    /// Fits the continuum of every visibility and product of `table`, real and imaginary part alike, by its weights
    /// and flags, and subtracts it from all channels. Weights stay as they are. Rows and products left with too few
    /// channels are flagged throughout. `watch` advances by one a row.
    ///
    /// # Errors
    /// Numbers of channels that differ; weights or visibilities of unflagged line-free samples that are not finite;
    /// no row with enough channels; an interrupt (the table is then partly subtracted).
    pub fn subtract_visibilities(&self, table: &mut VisibilityTable, watch: &Watch) -> Result<UvContinuumReport> {
        let (rows, channels, products) = table.vis.dim();
        if channels != self.free.len() {
            return Err(Error::input("the visibilities do not have the channels of the continuum fit")
                .found(channels)
                .expected(self.free.len()));
        }
        if table.weight.dim() != table.vis.dim() || table.flag.dim() != table.vis.dim() {
            return Err(Error::input("the arrays of the visibility table do not fit together")
                .found(format!("weight {:?}, flag {:?}", table.weight.dim(), table.flag.dim()))
                .expected(format!("{:?} (row, channel, polarisation)", table.vis.dim())));
        }
        let used = |row: usize, c: usize, p: usize| {
            self.free[c] && !table.flag[[row, c, p]] && table.weight[[row, c, p]] != 0.0
        };
        for row in 0..rows {
            for c in (0..channels).filter(|c| self.free[*c]) {
                for p in (0..products).filter(|p| used(row, c, *p)) {
                    let (v, w) = (table.vis[[row, c, p]], table.weight[[row, c, p]]);
                    if !(v.is_finite() && w.is_finite() && w > 0.0) {
                        return Err(Error::input("an unflagged line-free sample has no usable visibility or weight")
                            .found(format!("{v}, weight {w}"))
                            .place(format!("row {row}, channel {c}, product {p}"))
                            .hint("flag it, or give it weight 0"));
                    }
                }
            }
        }
        let mut report = UvContinuumReport::default();
        let weight = &table.weight;
        for start in (0..rows).step_by(ROWS) {
            let end = rows.min(start + ROWS);
            let cut = ndarray::s![start..end, .., ..];
            let (mut vis, mut flag) = (table.vis.slice_mut(cut), table.flag.slice_mut(cut));
            let weight = weight.slice(cut);
            let lines = vis.axis_iter_mut(Axis(0)).into_par_iter().zip(flag.axis_iter_mut(Axis(0)));
            let done: Vec<UvContinuumReport> = lines
                .zip(weight.axis_iter(Axis(0)))
                .map(|((mut vis, mut flag), weight)| {
                    let mut report = UvContinuumReport::default();
                    for p in 0..products {
                        let weights: Vec<f64> =
                            (0..channels).map(|c| if flag[[c, p]] { 0.0 } else { f64::from(weight[[c, p]]) }).collect();
                        let mut line = vis.index_axis_mut(Axis(1), p);
                        if weights.iter().all(|w| *w == 0.0) {
                            report.empty += 1;
                        } else if let Some(values) = self.continuum(&line.to_vec(), &weights) {
                            line.iter_mut().zip(values).for_each(|(v, c)| *v -= c);
                            report.fitted += 1;
                        } else {
                            flag.index_axis_mut(Axis(1), p).fill(true);
                            report.flagged += 1;
                        }
                    }
                    report
                })
                .collect();
            for one in done {
                report.fitted += one.fitted;
                report.flagged += one.flagged;
                report.empty += one.empty;
            }
            watch.advance((end - start) as u64)?;
        }
        if report.fitted == 0 {
            return Err(Error::input("no visibility has enough unflagged line-free channels for the continuum")
                .found(format!("{} too few, {} flagged throughout", report.flagged, report.empty))
                .expected(format!("{} channels for order {}", self.order + 1, self.order)));
        }
        Ok(report)
    }

    fn row(&self, channel: usize) -> DVector<f64> {
        DVector::from_iterator(self.order + 1, self.basis.row(channel).iter().copied())
    }

    /// Sum of w x x^T over the free channels, and how many of them have weight.
    fn normal(&self, weights: &[f64]) -> (DMatrix<f64>, usize) {
        let mut normal = DMatrix::zeros(self.order + 1, self.order + 1);
        let mut count = 0;
        for (channel, w) in weights.iter().enumerate().filter(|(c, w)| self.free[*c] && **w > 0.0) {
            let x = self.basis.row(channel);
            for (i, a) in x.iter().enumerate() {
                for (j, b) in x.iter().enumerate() {
                    normal[(i, j)] += w * a * b;
                }
            }
            count += 1;
        }
        (normal, count)
    }

    /// Covariance of the coefficients.
    fn covariance(&self, weights: &[f64]) -> Result<DMatrix<f64>> {
        if weights.len() != self.free.len() || weights.iter().any(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(Error::input("the channels' weights for the continuum are not usable")
                .found(format!("{} weights", weights.len()))
                .expected(format!("{} finite numbers, none negative", self.free.len())));
        }
        let (normal, count) = self.normal(weights);
        let inverse = normal.cholesky().filter(|_| count > self.order);
        inverse.map(|c| c.inverse()).ok_or_else(|| too_few(count, self.order))
    }

    /// The fitted values in every channel; `None` with too few of them.
    fn continuum(&self, values: &[Complex64], weights: &[f64]) -> Option<Vec<Complex64>> {
        let (normal, count) = self.normal(weights);
        if count <= self.order {
            return None;
        }
        let mut right = DMatrix::zeros(self.order + 1, 2);
        for channel in (0..values.len()).filter(|&c| self.free[c] && weights[c] > 0.0) {
            for (k, x) in self.basis.row(channel).iter().enumerate() {
                right[(k, 0)] += weights[channel] * x * values[channel].re;
                right[(k, 1)] += weights[channel] * x * values[channel].im;
            }
        }
        let fit = normal.cholesky()?.solve(&right);
        let at = |x: ndarray::ArrayView1<f64>| {
            x.iter().enumerate().map(|(k, x)| Complex64::new(fit[(k, 0)], fit[(k, 1)]) * *x).sum()
        };
        Some(self.basis.rows().into_iter().map(at).collect())
    }
}

fn too_few(found: usize, order: usize) -> Error {
    Error::input("too few line-free channels for the order of the continuum")
        .found(format!("{found} channels"))
        .expected(format!("at least {} for order {order}", order + 1))
        .hint("name more line-free channels, or choose a lower order")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::visibilities::Polarisations;
    use crate::math::random::Stream;
    use crate::units::RaDec;

    const CHANNELS: usize = 40;

    fn freq_hz() -> Vec<f64> {
        (0..CHANNELS).map(|c| 1.418e9 + 26e3 * c as f64).collect()
    }

    fn polynomial(order: usize, channel: usize, of: usize) -> f64 {
        let x = channel as f64 / 10.0 - 1.7;
        (0..=order).map(|k| (1.0 + ((of * 7 + k * 3) % 5) as f64 - 2.5) * x.powi(k as i32)).sum()
    }

    fn line(channel: usize) -> f64 {
        if (15..25).contains(&channel) { 3.0 - (channel as f64 - 19.5).abs() / 5.0 } else { 0.0 }
    }

    fn table(rows: usize, vis: impl Fn(usize, usize) -> Complex64) -> VisibilityTable {
        let shape = (rows, CHANNELS, 1);
        VisibilityTable {
            uvw_m: Array2::zeros((rows, 3)),
            time_mjd_utc: Vec::new(),
            antenna1: Vec::new(),
            antenna2: Vec::new(),
            freq_hz: freq_hz(),
            vis: Array3::from_shape_fn(shape, |(r, c, _)| vis(r, c)),
            weight: Array3::from_elem(shape, 2.0),
            flag: Array3::from_elem(shape, false),
            phase_centre: RaDec::from_deg(0.0, -30.0),
            polarisations: Polarisations::I,
            telescope: String::new(),
            channel_width_hz: 26e3,
            integration_time_s: 10.0,
            provenance: String::new(),
        }
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_channel_ranges("0-9, 50~63;70").unwrap(), [0..=9, 50..=63, 70..=70]);
        for text in ["", "a", "3-", "-3", "9-3", "1,,2", "1.5"] {
            assert!(parse_channel_ranges(text).unwrap_err().to_string().contains("not a range"), "{text}");
        }
    }

    #[test]
    fn polynomials_vanish_and_the_line_stays_in_images() {
        for order in [0, 1, 2, 5] {
            let fit = ContinuumFit::new(&freq_hz(), &[0..=14, 25..=39], order).unwrap();
            let of = |c: usize, y: usize, x: usize| polynomial(order, c, y * 6 + x);
            let mut cube = Array3::from_shape_fn((CHANNELS, 5, 6), |(c, y, x)| of(c, y, x) + line(c));
            // a wrong channel without weight does not count
            cube.index_axis_mut(Axis(0), 3).fill(1e5);
            let weights: Vec<f64> = (0..CHANNELS).map(|c| if c == 3 { 0.0 } else { 1.0 + (c % 3) as f64 }).collect();
            let continuum = fit.subtract_image(&mut cube, &weights, &Watch::silent()).unwrap();
            for ((c, y, x), v) in cube.indexed_iter() {
                assert!((continuum[[c, y, x]] - of(c, y, x)).abs() < 1e-9, "order {order}, channel {c}");
                assert!(c == 3 || (v - line(c)).abs() < 1e-9, "order {order}, channel {c}: {v}");
            }
        }
    }

    #[test]
    fn polynomials_vanish_and_the_line_stays_in_visibilities() {
        for order in [0, 1, 3] {
            let fit = ContinuumFit::new(&freq_hz(), &[0..=14, 25..=39], order).unwrap();
            let line = |r: usize, c: usize| Complex64::new(line(c), -0.5 * line(c)) * r as f64;
            let vis =
                |r: usize, c: usize| Complex64::new(polynomial(order, c, r), polynomial(order, c, r + 9)) + line(r, c);
            let mut table = table(30, vis);
            for c in 0..20 {
                table.vis[[4, c, 0]] = Complex64::new(f64::NAN, 0.0);
                table.flag[[4, c, 0]] = true;
            }
            table.flag.index_axis_mut(Axis(0), 5).fill(true);
            for c in order..CHANNELS {
                table.flag[[6, c, 0]] = c != 20;
            }
            let report = fit.subtract_visibilities(&mut table, &Watch::silent()).unwrap();
            assert_eq!(report, UvContinuumReport { fitted: 28, flagged: 1, empty: 1 });
            assert!(table.flag.index_axis(Axis(0), 6).iter().all(|f| *f));
            for ((r, c, _), v) in table.vis.indexed_iter() {
                if !table.flag[[r, c, 0]] {
                    assert!((v - line(r, c)).norm() < 1e-9, "order {order}, row {r}, channel {c}");
                }
            }
        }
    }

    #[test]
    fn noise_grows_as_foretold() {
        let mut random = Stream::new(5, [6, 7, 8]);
        let fit = ContinuumFit::new(&freq_hz(), &[0..=4, 36..=39], 2).unwrap();
        let weights: Vec<f64> = (0..CHANNELS).map(|c| if c < 3 { 4.0 } else { 1.0 }).collect();
        let mut cube = Array3::from_shape_fn((CHANNELS, 100, 100), |(c, _, _)| random.normal() / weights[c].sqrt());
        let factor = fit.noise_factor(&weights).unwrap();
        fit.subtract_image(&mut cube, &weights, &Watch::silent()).unwrap();
        for (c, plane) in cube.outer_iter().enumerate() {
            let rms = (plane.mapv(|v| v * v).mean().unwrap() * weights[c]).sqrt();
            // 1e4 pixels: 0.7 %, four standard errors
            assert!((rms / factor[c] - 1.0).abs() < 0.029, "channel {c}: {rms} {}", factor[c]);
            assert_eq!(fit.line_free()[c], factor[c] < 1.0);
        }
    }

    #[test]
    fn bad_input_is_refused() {
        let refused = |ranges: &[RangeInclusive<usize>], order: usize| {
            ContinuumFit::new(&freq_hz(), ranges, order).unwrap_err().to_string()
        };
        assert!(refused(&[0..=1], 2).contains("too few line-free channels"));
        assert!(refused(&[], 0).contains("too few line-free channels"));
        assert!(refused(&[0..=1, 0..=1], 2).contains("too few"));
        assert!(refused(&[30..=40], 1).contains("does not fit"));
        assert!(refused(&[0..=39], 10).contains("order"));
        assert!(ContinuumFit::new(&[1e9, f64::NAN], &[0..=0], 0).is_err());
        assert!(ContinuumFit::new(&[1e9, 1e9], &[0..=1], 0).unwrap_err().to_string().contains("same frequency"));

        let fit = ContinuumFit::new(&freq_hz(), &[0..=3], 1).unwrap();
        let quiet = Watch::silent();
        let mut cube = Array3::zeros((CHANNELS, 2, 2));
        let mut weights = vec![1.0; CHANNELS];
        assert!(fit.subtract_image(&mut cube, &weights[1..], &quiet).is_err());
        assert!(fit.subtract_image(&mut Array3::zeros((3, 2, 2)), &weights, &quiet).is_err());
        cube[[2, 1, 0]] = f64::NAN;
        assert!(fit.subtract_image(&mut cube, &weights, &quiet).unwrap_err().to_string().contains("channel 2"));
        weights[2] = 0.0;
        assert!(fit.subtract_image(&mut cube, &weights, &quiet).is_ok());
        weights[1] = 0.0;
        weights[0] = 0.0;
        assert!(fit.subtract_image(&mut cube, &weights, &quiet).unwrap_err().to_string().contains("too few"));
        weights[0] = -1.0;
        assert!(fit.subtract_image(&mut cube, &weights, &quiet).is_err());

        let mut nan = table(3, |r, c| if (r, c) == (1, 2) { Complex64::new(f64::NAN, 0.0) } else { Complex64::ONE });
        assert!(fit.subtract_visibilities(&mut nan, &quiet).unwrap_err().to_string().contains("row 1, channel 2"));
        let mut flagged = table(3, |_, _| Complex64::ONE);
        flagged.flag.fill(true);
        assert!(fit.subtract_visibilities(&mut flagged, &quiet).unwrap_err().to_string().contains("no visibility"));
        let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        let stopped = Watch::stopped_by(stop);
        assert!(fit.subtract_visibilities(&mut table(3, |_, _| Complex64::ONE), &stopped).unwrap_err().is_interrupt());
        let mut untouched = Array3::ones((CHANNELS, 2, 2));
        assert!(fit.subtract_image(&mut untouched, &vec![1.0; CHANNELS], &stopped).unwrap_err().is_interrupt());
        assert!(untouched.iter().all(|v| *v == 1.0));
    }
}
