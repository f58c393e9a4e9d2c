//! Convolution of sky planes with PSFs on a padded grid: real rows two at a time through one complex FFT, columns one
//! by one while they are in the first cache, all kernels' products summed before the one transform back.

use crate::gridding::ImageGeometry;
use ndarray::{Array2, ArrayView2};
use rustfft::num_complex::{Complex, Complex64};
use rustfft::{Fft, FftNum, FftPlanner};
use std::sync::Arc;

/// Rows moved together between layouts: a cache line of f32 pairs.
const PANEL: usize = 8;

/// The number that transforms are done in.
pub(super) trait Real: FftNum + std::ops::AddAssign + std::ops::MulAssign {
    fn of(value: f64) -> Self;
    fn f64(self) -> f64;
    /// Relative rounding.
    fn epsilon_f64() -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> f32 {
        value as f32
    }
    fn f64(self) -> f64 {
        f64::from(self)
    }
    fn epsilon_f64() -> f64 {
        f64::from(f32::EPSILON)
    }
}

impl Real for f64 {
    fn of(value: f64) -> f64 {
        value
    }
    fn f64(self) -> f64 {
        self
    }
    fn epsilon_f64() -> f64 {
        f64::EPSILON
    }
}

/// Smallest number of the form 2^a 3^b 5^c that is at least `n`.
pub(super) fn good_size(n: usize) -> usize {
    let smooth = |mut k: usize| {
        for p in [2, 3, 5] {
            while k.is_multiple_of(p) {
                k /= p;
            }
        }
        k == 1
    };
    (n.max(1)..).find(|k| smooth(*k)).unwrap_or(n)
}

/// One axis: pixels of the sky and of the image, largest distance between them, cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub sky: usize,
    pub image: usize,
    /// Kernels are wanted at -reach..=reach pixels.
    pub reach: usize,
    pub cells: usize,
}

impl Axis {
    pub fn new(sky: usize, image: usize) -> Axis {
        let (sky_below, image_below) = (sky / 2, image / 2);
        let reach = (image_below + sky - 1 - sky_below).max(image - 1 - image_below + sky_below);
        Axis { sky, image, reach, cells: good_size(2 * reach + 1) }
    }

    /// The image's pixels of a line of cells, in which sky pixel i stands in cell i, in two parts.
    fn pixels<'a, V>(&self, line: &'a [V]) -> [&'a [V]; 2] {
        let first = (self.cells + self.sky / 2 - self.image / 2) % self.cells;
        let end = (first + self.image).min(self.cells);
        [&line[first..end], &line[..first + self.image - end]]
    }
}

/// FFTs between sky, uv plane and image; the uv plane is stored [u][v].
pub(super) struct Transform<T: Real> {
    pub x: Axis,
    pub y: Axis,
    forward_x: Arc<dyn Fft<T>>,
    inverse_x: Arc<dyn Fft<T>>,
    forward_y: Arc<dyn Fft<T>>,
    inverse_y: Arc<dyn Fft<T>>,
}

/// What one kernel is convolved with: a sky plane times a beam (1 where `None`).
pub(super) struct Source<'a, T> {
    /// Beam at the sky's pixels, [y][x].
    pub beam: Option<&'a [T]>,
    /// Spectrum of the kernel, real, [u][v]; u half where there is no screen.
    pub spectrum: &'a [T],
}

/// exp(2 pi i w (n - 1)) at the pixels of sky and image, [y][x].
pub(super) struct Screens<T> {
    pub sky: Vec<Complex<T>>,
    pub image: Vec<Complex<T>>,
}

/// Work arrays of one thread.
pub(super) struct Work<T> {
    lines: Vec<Complex<T>>,
    /// Rows of the sky times a beam.
    seen: Vec<T>,
    column: Vec<Complex<T>>,
    sum: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
    sky: Vec<Vec<Complex<T>>>,
    image: Vec<Complex<T>>,
}

impl<T: Real> Transform<T> {
    pub fn new(x: Axis, y: Axis) -> Transform<T> {
        let mut planner = FftPlanner::new();
        Transform {
            x,
            y,
            forward_x: planner.plan_fft_forward(x.cells),
            inverse_x: planner.plan_fft_inverse(x.cells),
            forward_y: planner.plan_fft_forward(y.cells),
            inverse_y: planner.plan_fft_inverse(y.cells),
        }
    }

    /// Columns of the half of the uv plane that a real image has.
    pub fn half(&self) -> usize {
        self.x.cells / 2 + 1
    }

    pub fn work(&self) -> Work<T> {
        let fft = [&self.forward_x, &self.inverse_x, &self.forward_y, &self.inverse_y];
        let scratch = fft.iter().map(|f| f.get_inplace_scratch_len()).max().unwrap_or(0);
        let zero = Complex::new(T::zero(), T::zero());
        Work {
            lines: vec![zero; PANEL * self.x.cells],
            seen: vec![T::zero(); PANEL * self.x.sky],
            column: vec![zero; self.y.cells],
            sum: vec![zero; self.y.cells],
            scratch: vec![zero; scratch],
            sky: Vec::new(),
            image: Vec::new(),
        }
    }

    /// Spectrum of a kernel `k` given at distances -reach..=reach ([y, x], middle = 0) as even(k) + i odd(k), which is
    /// real; only the real half for an even kernel. Holds the factor 1/cells of the transform back.
    pub fn spectrum(&self, kernel: ArrayView2<f64>, even: bool) -> Vec<T> {
        let (nx, ny) = (self.x.cells, self.y.cells);
        let (rx, ry) = (self.x.reach, self.y.reach);
        let mut planner = FftPlanner::<f64>::new();
        let (fx, fy) = (planner.plan_fft_forward(nx), planner.plan_fft_forward(ny));
        let mut grid = Array2::from_elem((ny, nx), Complex64::ZERO);
        for ((y, x), &here) in kernel.indexed_iter() {
            let there = kernel[[2 * ry - y, 2 * rx - x]];
            let odd = if even { 0.0 } else { 0.5 * (here - there) };
            grid[[(y + ny - ry) % ny, (x + nx - rx) % nx]] = Complex64::new(0.5 * (here + there), odd);
        }
        for mut row in grid.rows_mut() {
            if let Some(row) = row.as_slice_mut() {
                fx.process(row);
            }
        }
        let columns = if even { self.half() } else { nx };
        let mut out = Vec::with_capacity(columns * ny);
        let scale = 1.0 / (nx * ny) as f64;
        for u in 0..columns {
            let mut column = grid.column(u).to_vec();
            fy.process(&mut column);
            out.extend(column.iter().map(|c| T::of(c.re * scale)));
        }
        out
    }

    /// Adds sum over `sources` of kernel (*) (sky beam) to `image`, [y][x]: with `screens`, the real part of
    /// conj(image screen) (kernel (*) (sky screen, sky, beam)).
    pub fn convolve(
        &self,
        sky: ArrayView2<f64>,
        sources: &[Source<T>],
        screens: Option<&Screens<T>>,
        work: &mut Work<T>,
        image: &mut [f64],
    ) {
        let occupied: Vec<usize> = (0..self.y.sky).filter(|y| sky.row(*y).iter().any(|s| *s != 0.0)).collect();
        let (Some(&first), Some(&last)) = (occupied.first(), occupied.last()) else { return };
        let rows = last + 1 - first;
        let columns = if screens.is_some() { self.x.cells } else { self.half() };
        let zero = Complex::new(T::zero(), T::zero());
        let mut planes = std::mem::take(&mut work.sky);
        planes.resize_with(sources.len(), Vec::new);
        for (source, plane) in sources.iter().zip(&mut planes) {
            plane.resize(columns * rows, zero);
            self.rows_forward(sky, first, rows, source.beam, screens, work, plane);
        }
        let mut out = std::mem::take(&mut work.image);
        out.resize(columns * self.y.image, zero);
        let ny = self.y.cells;
        for u in 0..columns {
            work.sum.fill(zero);
            for (source, plane) in sources.iter().zip(&planes) {
                work.column[..first].fill(zero);
                work.column[first..=last].copy_from_slice(&plane[u * rows..][..rows]);
                work.column[last + 1..].fill(zero);
                self.forward_y.process_with_scratch(&mut work.column, &mut work.scratch);
                let spectrum = &source.spectrum[u * ny..][..ny];
                for ((sum, value), factor) in work.sum.iter_mut().zip(&work.column).zip(spectrum) {
                    sum.re += value.re * *factor;
                    sum.im += value.im * *factor;
                }
            }
            self.column_back(work, &mut out[u * self.y.image..][..self.y.image]);
        }
        self.rows_back(&out, screens, work, image);
        work.sky = planes;
        work.image = out;
    }

    /// Adds the image of a real field's spectrum, [u][v] with u half, to `image`. `fill(u, column)` gives a column.
    pub fn to_image(&self, work: &mut Work<T>, image: &mut [f64], mut fill: impl FnMut(usize, &mut [Complex<T>])) {
        let mut out = std::mem::take(&mut work.image);
        out.resize(self.half() * self.y.image, Complex::new(T::zero(), T::zero()));
        for u in 0..self.half() {
            fill(u, &mut work.sum);
            self.column_back(work, &mut out[u * self.y.image..][..self.y.image]);
        }
        self.rows_back(&out, None, work, image);
        work.image = out;
    }

    fn column_back(&self, work: &mut Work<T>, out: &mut [Complex<T>]) {
        self.inverse_y.process_with_scratch(&mut work.sum, &mut work.scratch);
        let [low, high] = self.y.pixels(&work.sum);
        out[..low.len()].copy_from_slice(low);
        out[low.len()..].copy_from_slice(high);
    }

    /// Rows `first..first + rows` of the sky to `plane`, [u][row].
    fn rows_forward(
        &self,
        sky: ArrayView2<f64>,
        first: usize,
        rows: usize,
        beam: Option<&[T]>,
        screens: Option<&Screens<T>>,
        work: &mut Work<T>,
        plane: &mut [Complex<T>],
    ) {
        let (nx, width) = (self.x.cells, self.x.sky);
        let zero = Complex::new(T::zero(), T::zero());
        let half = T::of(0.5);
        for start in (0..rows).step_by(PANEL) {
            let count = PANEL.min(rows - start);
            for (row, seen) in work.seen.chunks_exact_mut(width).enumerate().take(count) {
                let y = first + start + row;
                seen.iter_mut().zip(sky.row(y)).for_each(|(seen, flux)| *seen = T::of(*flux));
                if let Some(beam) = beam {
                    seen.iter_mut().zip(&beam[y * width..]).for_each(|(seen, beam)| *seen *= *beam);
                }
            }
            match screens {
                Some(screens) => {
                    for (row, line) in work.lines.chunks_exact_mut(nx).enumerate().take(count) {
                        let screen = &screens.sky[(first + start + row) * width..][..width];
                        let seen = &work.seen[row * width..][..width];
                        for ((cell, screen), seen) in line.iter_mut().zip(screen).zip(seen) {
                            *cell = screen.scale(*seen);
                        }
                        line[width..].fill(zero);
                        self.forward_x.process_with_scratch(line, &mut work.scratch);
                    }
                    for u in 0..nx {
                        let out = &mut plane[u * rows + start..][..count];
                        for (row, out) in out.iter_mut().enumerate() {
                            *out = work.lines[row * nx + u];
                        }
                    }
                }
                None => {
                    for (pair, line) in work.lines.chunks_exact_mut(nx).enumerate().take(count.div_ceil(2)) {
                        if 2 * pair + 1 == count {
                            work.seen[count * width..][..width].fill(T::zero());
                        }
                        let (re, im) = work.seen[2 * pair * width..][..2 * width].split_at(width);
                        for ((cell, re), im) in line.iter_mut().zip(re).zip(im) {
                            *cell = Complex::new(*re, *im);
                        }
                        line[width..].fill(zero);
                        self.forward_x.process_with_scratch(line, &mut work.scratch);
                    }
                    for u in 0..self.half() {
                        let out = &mut plane[u * rows + start..][..count];
                        let mirror = (nx - u) % nx;
                        for (pair, out) in out.chunks_mut(2).enumerate() {
                            let (a, b) = (work.lines[pair * nx + u], work.lines[pair * nx + mirror]);
                            out[0] = Complex::new(a.re + b.re, a.im - b.im).scale(half);
                            if let Some(out) = out.get_mut(1) {
                                *out = Complex::new(a.im + b.im, b.re - a.re).scale(half);
                            }
                        }
                    }
                }
            }
        }
    }

    /// Image rows of `plane`, [u][y], added to `image`.
    fn rows_back(&self, plane: &[Complex<T>], screens: Option<&Screens<T>>, work: &mut Work<T>, image: &mut [f64]) {
        let (nx, width, height) = (self.x.cells, self.x.image, self.y.image);
        for start in (0..height).step_by(PANEL) {
            let count = PANEL.min(height - start);
            match screens {
                Some(screens) => {
                    for u in 0..nx {
                        for (row, value) in plane[u * height + start..][..count].iter().enumerate() {
                            work.lines[row * nx + u] = *value;
                        }
                    }
                    for (row, line) in work.lines.chunks_exact_mut(nx).enumerate().take(count) {
                        self.inverse_x.process_with_scratch(line, &mut work.scratch);
                        let mut at = (start + row) * width;
                        for line in self.x.pixels(line) {
                            let (pixels, screen) = (&mut image[at..][..line.len()], &screens.image[at..][..line.len()]);
                            for ((pixel, value), screen) in pixels.iter_mut().zip(line).zip(screen) {
                                *pixel += (value.re * screen.re + value.im * screen.im).f64();
                            }
                            at += line.len();
                        }
                    }
                }
                None => {
                    for u in 0..self.half() {
                        let mirror = (nx - u) % nx;
                        for (pair, values) in plane[u * height + start..][..count].chunks(2).enumerate() {
                            let a = values[0];
                            let b = values.get(1).copied().unwrap_or(Complex::new(T::zero(), T::zero()));
                            // first row + i second row; where u is its own mirror a real row has no imaginary part
                            let own = mirror == u;
                            let (ai, bi) = if own { (T::zero(), T::zero()) } else { (a.im, b.im) };
                            work.lines[pair * nx + mirror] = Complex::new(a.re + bi, b.re - ai);
                            work.lines[pair * nx + u] = Complex::new(a.re - bi, b.re + ai);
                        }
                    }
                    for (pair, line) in work.lines.chunks_exact_mut(nx).enumerate().take(count.div_ceil(2)) {
                        self.inverse_x.process_with_scratch(line, &mut work.scratch);
                        let mut at = (start + 2 * pair) * width;
                        for line in self.x.pixels(line) {
                            let pixels = image[at..][..line.len()].iter_mut();
                            pixels.zip(line).for_each(|(pixel, value)| *pixel += value.re.f64());
                            if 2 * pair + 1 < count {
                                let pixels = image[at + width..][..line.len()].iter_mut();
                                pixels.zip(line).for_each(|(pixel, value)| *pixel += value.im.f64());
                            }
                            at += line.len();
                        }
                    }
                }
            }
        }
    }
}

/// exp(2 pi i w (n - 1)) at the pixels of `geometry`, [y][x].
pub(super) fn screen<T: Real>(geometry: &ImageGeometry, w: f64) -> Vec<Complex<T>> {
    let pixels = (0..geometry.ny).flat_map(|y| (0..geometry.nx).map(move |x| (y, x)));
    pixels
        .map(|(y, x)| {
            let (s, c) = (std::f64::consts::TAU * w * depth(geometry, y, x)).sin_cos();
            Complex::new(T::of(c), T::of(s))
        })
        .collect()
}

/// n - 1 at a pixel.
pub(super) fn depth(geometry: &ImageGeometry, y: usize, x: usize) -> f64 {
    let r2 = geometry.l(x).powi(2) + geometry.m(y).powi(2);
    -r2 / (1.0 + (1.0 - r2).sqrt())
}
