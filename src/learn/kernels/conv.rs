use super::border::Border;
use super::tile::{self, Correlation, Shape, Slopes};
use crate::math::vectors::Vectors;
use rayon::prelude::*;

/// Multiplications from which on a layer is shared among threads.
const SHARED: usize = 1 << 22;

/// Numbers behind the last that vectors may reach into.
const SLACK: usize = 32;

/// What a convolution does with each pixel's neighbourhood: \[out, in, side, side\] weights, `stride` pixels apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Pixels of the kernel \[y, x\].
    pub side: [usize; 2],
    /// Pixels from one neighbourhood to the next.
    pub stride: usize,
    /// Around the image.
    pub border: Border,
}

impl Window {
    /// Size of the result for an image of `size` \[y, x\].
    pub fn result(&self, size: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| (size[axis] + 2 * self.border.width() - self.side[axis]) / self.stride + 1)
    }
}

/// Images \[image, channel, y, x\].
#[derive(Clone, Copy)]
pub(super) struct Images<'a> {
    pub values: &'a [f32],
    pub shape: [usize; 4],
}

/// The weighted sums of each pixel's neighbourhood, \[image, out, y, x\].
pub(super) fn convolve(with: Vectors, x: Images, weight: Images, bias: Option<&[f32]>, window: Window) -> Vec<f32> {
    let ([count, input, height, width], [output, _, tall, wide]) = (x.shape, weight.shape);
    let shape = tile::shape(with);
    let [rows, columns] = window.result([height, width]);
    let planes = Planes::new(x, window.border, window.stride);
    let taps = planes.taps(window);
    let places: Vec<usize> = (0..taps.len()).collect();
    let weights = packed(weight.values, output, input * tall * wide, &places, shape.channels);
    let grid = Grid { height: rows, width: columns, pitch: planes.pitch, origin: 0 };
    let phase = Phase { vectors: grid.vectors(shape), grid, taps, weights, first: [0, 0] };
    let mut y = vec![0f32; count * output * rows * columns];
    correlate(with, &planes, &[phase], bias, 1, [output, rows, columns], &mut y);
    y
}

/// The adjoint of [`convolve`] for images of `size` \[y, x\], \[image, in, y, x\]: the gradient of its images from that of
/// its result `y`, or a transposed convolution (with a bias of `in` numbers).
pub(super) fn spread(
    with: Vectors,
    y: Images,
    weight: Images,
    bias: Option<&[f32]>,
    window: Window,
    size: [usize; 2],
) -> Vec<f32> {
    if let Border::Reflection(width) = window.border {
        let bordered = Window { border: Border::Zeros(0), ..window };
        let all = spread(with, y, weight, bias, bordered, size.map(|side| side + 2 * width));
        return folded(&all, size, window.border);
    }
    let ([count, output, ..], [_, input, tall, wide]) = (y.shape, weight.shape);
    let (shape, stride, border) = (tile::shape(with), window.stride, window.border.width());
    // a pixel of phase p, a strides on, gets weights p + stride j of the result's pixels a - j
    let most = tall.max(wide).div_ceil(stride);
    let planes = Planes::new(y, Border::Zeros(most), 1);
    let mut phases = Vec::new();
    for phase in 0..stride * stride {
        let offset = [phase / stride, phase % stride];
        // pixels of the image with its border are a stride + offset; those of the image alone are wanted
        let first = offset.map(|offset| border.saturating_sub(offset).div_ceil(stride));
        let place = [0, 1].map(|axis| first[axis] * stride + offset[axis] - border);
        let [rows, columns] = [0, 1].map(|axis| size[axis].saturating_sub(place[axis]).div_ceil(stride));
        if rows == 0 || columns == 0 {
            continue;
        }
        let taken: Vec<[usize; 2]> = (offset[0]..tall)
            .step_by(stride)
            .flat_map(|y| (offset[1]..wide).step_by(stride).map(move |x| [y, x]))
            .collect();
        let (mut taps, mut places) = (Vec::new(), Vec::new());
        for channel in 0..output {
            for [y, x] in &taken {
                places.push((channel * input * tall + y) * wide + x);
                let (y, x) = (most - y / stride, most - x / stride);
                taps.push((channel * planes.area() + y * planes.pitch + x) as u32);
            }
        }
        let weights = packed(weight.values, input, tall * wide, &places, shape.channels);
        let origin = first[0] * planes.pitch + first[1];
        let grid = Grid { height: rows, width: columns, pitch: planes.pitch, origin };
        phases.push(Phase { vectors: grid.vectors(shape), grid, taps, weights, first: place });
    }
    let mut x = vec![0f32; count * input * size[0] * size[1]];
    correlate(with, &planes, &phases, bias, stride, [input, size[0], size[1]], &mut x);
    x
}

/// The gradient of [`convolve`]'s weights \[out, in, side, side\] from its images and the gradient of its result.
pub(super) fn weight_slopes(with: Vectors, x: Images, gradient: Images, window: Window) -> Vec<f32> {
    let ([count, ..], [_, output, rows, columns]) = (x.shape, gradient.shape);
    let shape = tile::shape(with);
    let planes = Planes::new(x, window.border, window.stride);
    let mut taps = planes.taps(window);
    let wanted = taps.len();
    taps.resize(wanted.next_multiple_of(shape.slope_taps), 0);
    let grid = Grid { height: rows, width: columns, pitch: planes.pitch, origin: 0 };
    let vectors = grid.vectors(Shape { vectors: 1, ..shape });
    // where vectors run on over the ends of rows, the gradient there is zero
    let laid = (!vectors.whole).then(|| grid.laid(&vectors, shape.lanes, gradient));
    let plane = if vectors.whole { rows * columns } else { vectors.starts.len() * shape.lanes };
    let values = laid.as_deref().unwrap_or(gradient.values);
    let per_image = |each: usize, steps: &[u32]| -> Vec<u32> {
        (0..count).flat_map(|image| steps.iter().map(move |step| (image * each) as u32 + step)).collect()
    };
    let starts = per_image(planes.image(), &vectors.starts);
    let steps: Vec<u32> = (0..vectors.starts.len()).map(|v| (v * shape.lanes) as u32).collect();
    let places = per_image(output * plane, &steps);
    let mut slopes = vec![0f32; output * wanted];
    let block = shape.slope_channels;
    let jobs: Vec<_> = slopes.chunks_mut(block * wanted).enumerate().collect();
    let work = |(number, out): (usize, &mut [f32])| {
        // channels that are not there are its first once more, and forgotten
        let there = out.len() / wanted;
        let channels: Vec<u32> =
            (0..block).map(|m| ((number * block + if m < there { m } else { 0 }) * plane) as u32).collect();
        let job = Slopes {
            source: &planes.values,
            taps: &taps,
            starts: &starts,
            gradient: values,
            places: &places,
            channels: &channels,
        };
        let mut found = vec![0f32; taps.len() * block];
        tile::slopes(with, &job, &mut found);
        for (m, out) in out.chunks_exact_mut(wanted).enumerate() {
            for (tap, out) in out.iter_mut().enumerate() {
                *out = found[tap * block + m];
            }
        }
    };
    each(jobs, count * output * wanted * rows * columns, work);
    slopes
}

/// The sum of each channel of a gradient: that of a bias.
pub(super) fn bias_slopes(gradient: Images) -> Vec<f32> {
    let [count, channels, height, width] = gradient.shape;
    let mut sums = vec![0f32; channels];
    for image in 0..count {
        for (channel, sum) in sums.iter_mut().enumerate() {
            let plane = &gradient.values[(image * channels + channel) * height * width..][..height * width];
            let mut lanes = [0f32; 16];
            for part in plane.chunks(16) {
                lanes.iter_mut().zip(part).for_each(|(lane, v)| *lane += v);
            }
            *sum += lanes.iter().sum::<f32>();
        }
    }
    sums
}

/// Images with their borders, split by the stride's phases: \[image, phase y, phase x, channel, y, x\].
struct Planes {
    values: Vec<f32>,
    channels: usize,
    stride: usize,
    rows: usize,
    pitch: usize,
}

impl Planes {
    fn new(x: Images, border: Border, stride: usize) -> Planes {
        let [count, channels, height, width] = x.shape;
        let [rows, pitch] = [height, width].map(|side| (side + 2 * border.width()).div_ceil(stride));
        let mut planes = Planes { values: Vec::new(), channels, stride, rows, pitch };
        planes.values = vec![0f32; count * planes.image() + SLACK];
        for (number, plane) in
            planes.values.chunks_exact_mut(rows * pitch).take(count * stride * stride * channels).enumerate()
        {
            let (image, rest) = (number / (stride * stride * channels), number % (stride * stride * channels));
            let (phase, channel) = (rest / channels, rest % channels);
            let (down, right) = (phase / stride, phase % stride);
            let image = &x.values[(image * channels + channel) * height * width..][..height * width];
            for (y, row) in plane.chunks_exact_mut(pitch).enumerate() {
                let Some(from) = border.pixel(y * stride + down, height) else { continue };
                let from = &image[from * width..][..width];
                // pixels of the image itself lie evenly
                let first = border.width().saturating_sub(right).div_ceil(stride);
                let inner = (first * stride + right).saturating_sub(border.width());
                let end = first + width.saturating_sub(inner).div_ceil(stride);
                match stride {
                    1 => row[first..end].copy_from_slice(from),
                    _ => {
                        for (to, from) in
                            row[first..end].iter_mut().zip(from[inner.min(width)..].iter().step_by(stride))
                        {
                            *to = *from;
                        }
                    }
                }
                for at in (0..first).chain(end..pitch) {
                    row[at] = border.pixel(at * stride + right, width).map_or(0.0, |x| from[x]);
                }
            }
        }
        planes
    }

    /// Numbers of a plane.
    fn area(&self) -> usize {
        self.rows * self.pitch
    }

    /// Numbers of an image.
    fn image(&self) -> usize {
        self.stride * self.stride * self.channels * self.area()
    }

    /// Where the weights \[in, y, x\] of a result's pixel find their pixels.
    fn taps(&self, window: Window) -> Vec<u32> {
        let mut taps = Vec::with_capacity(self.channels * window.side[0] * window.side[1]);
        for channel in 0..self.channels {
            for y in 0..window.side[0] {
                for x in 0..window.side[1] {
                    let phase = (y % self.stride) * self.stride + x % self.stride;
                    let at = (y / self.stride) * self.pitch + x / self.stride;
                    taps.push(((phase * self.channels + channel) * self.area() + at) as u32);
                }
            }
        }
        taps
    }
}

/// Pixels that are made: rows that lie `pitch` apart in the planes that they are made of.
#[derive(Clone, Copy)]
struct Grid {
    height: usize,
    width: usize,
    pitch: usize,
    origin: usize,
}

/// The vectors that cover a grid.
struct Cover {
    starts: Vec<u32>,
    /// Each lies within a row and there are none too many; else they run on from row to row, with what lies between.
    whole: bool,
}

impl Grid {
    fn vectors(&self, shape: Shape) -> Cover {
        let (height, width, lanes) = (self.height, self.width, shape.lanes);
        if width.is_multiple_of(lanes) && (height * width / lanes).is_multiple_of(shape.vectors) {
            let row = |y: usize| (0..width).step_by(lanes).map(move |x| (self.origin + y * self.pitch + x) as u32);
            return Cover { starts: (0..height).flat_map(row).collect(), whole: true };
        }
        let length = (height - 1) * self.pitch + width;
        let count = length.div_ceil(lanes).next_multiple_of(shape.vectors);
        Cover { starts: (0..count).map(|v| (self.origin + v * lanes) as u32).collect(), whole: false }
    }

    /// Images as vectors that are not whole see them: zeros between the rows.
    fn laid(&self, cover: &Cover, lanes: usize, images: Images) -> Vec<f32> {
        let plane = cover.starts.len() * lanes;
        let mut laid = vec![0f32; images.shape[0] * images.shape[1] * plane];
        for (to, from) in laid.chunks_exact_mut(plane).zip(images.values.chunks_exact(self.height * self.width)) {
            for (to, from) in to.chunks_mut(self.pitch).zip(from.chunks_exact(self.width)) {
                to[..self.width].copy_from_slice(from);
            }
        }
        laid
    }
}

/// What one phase of a result's pixels is made with.
struct Phase {
    grid: Grid,
    vectors: Cover,
    taps: Vec<u32>,
    /// \[block of channels, tap, channel\].
    weights: Vec<f32>,
    /// Its first pixel in the result \[y, x\].
    first: [usize; 2],
}

/// Numbers of each of `channels`, which begin `step` apart, at `places` behind that, in blocks of `block` channels,
/// \[block, place, channel\]; channels that are not there have zeros.
fn packed(values: &[f32], channels: usize, step: usize, places: &[usize], block: usize) -> Vec<f32> {
    let mut all = vec![0f32; channels.div_ceil(block) * places.len() * block];
    for channel in 0..channels {
        let from = &values[channel * step..];
        let to = &mut all[channel / block * places.len() * block..];
        for (to, &place) in to.iter_mut().skip(channel % block).step_by(block).zip(places) {
            *to = from[place];
        }
    }
    all
}

/// Results \[image, channel, y, x\] of `shape` \[channel, y, x\], whose pixels of each phase lie `stride` apart.
fn correlate(
    with: Vectors,
    planes: &Planes,
    phases: &[Phase],
    bias: Option<&[f32]>,
    stride: usize,
    shape: [usize; 3],
    out: &mut [f32],
) {
    let [channels, height, width] = shape;
    let (kernel, area) = (tile::shape(with), height * width);
    let block = kernel.channels;
    let mut biases = bias.map_or_else(|| vec![0f32; channels], <[f32]>::to_vec);
    biases.resize(channels.next_multiple_of(block), 0.0);
    let work: usize = phases.iter().map(|p| p.weights.len() * p.vectors.starts.len() * kernel.lanes).sum();
    let images = out.len() / (channels * area);
    let jobs: Vec<_> = out
        .chunks_mut(channels * area)
        .enumerate()
        .flat_map(|(image, out)| {
            out.chunks_mut(block * area).enumerate().map(move |(number, out)| (image, number, out))
        })
        .collect();
    each(jobs, work * images, |(image, number, out): (usize, usize, &mut [f32])| {
        let there = out.len() / area;
        for phase in phases {
            let weights = &phase.weights[number * phase.taps.len() * block..][..phase.taps.len() * block];
            let direct = phase.vectors.whole && stride == 1;
            let plane = phase.vectors.starts.len() * kernel.lanes;
            let job = Correlation {
                source: &planes.values[image * planes.image()..],
                taps: &phase.taps,
                weights,
                bias: &biases[number * block..][..block],
                starts: &phase.vectors.starts,
                plane,
                channels: there,
            };
            if direct {
                tile::correlate(with, &job, out);
                continue;
            }
            let mut made = vec![0f32; there * plane];
            tile::correlate(with, &job, &mut made);
            let pitch = if phase.vectors.whole { phase.grid.width } else { phase.grid.pitch };
            for (made, out) in made.chunks_exact(plane).zip(out.chunks_exact_mut(area)) {
                for (y, made) in made.chunks(pitch).take(phase.grid.height).enumerate() {
                    let row = &mut out[(phase.first[0] + y * stride) * width..][..width];
                    let made = &made[..phase.grid.width];
                    match stride {
                        1 => row[phase.first[1]..][..made.len()].copy_from_slice(made),
                        _ => {
                            for (to, from) in row[phase.first[1]..].iter_mut().step_by(stride).zip(made) {
                                *to = *from;
                            }
                        }
                    }
                }
            }
        }
    });
}

/// What lies in the border added to the pixels that it repeats; of images of `size` \[y, x\].
fn folded(all: &[f32], size: [usize; 2], border: Border) -> Vec<f32> {
    let [height, width] = size;
    let [rows, columns] = size.map(|side| side + 2 * border.width());
    let planes = all.len() / (rows * columns);
    let mut out = vec![0f32; planes * height * width];
    for (all, out) in all.chunks_exact(rows * columns).zip(out.chunks_exact_mut(height * width)) {
        for (y, from) in all.chunks_exact(columns).enumerate() {
            let Some(y) = border.pixel(y, height) else { continue };
            let row = &mut out[y * width..][..width];
            let inner = border.width()..border.width() + width;
            row.iter_mut().zip(&from[inner.clone()]).for_each(|(to, from)| *to += from);
            for at in (0..inner.start).chain(inner.end..columns) {
                if let Some(x) = border.pixel(at, width) {
                    row[x] += from[at];
                }
            }
        }
    }
    out
}

/// Every job, on several threads where there is enough to do.
fn each<T: Send>(jobs: Vec<T>, multiplications: usize, work: impl Fn(T) + Send + Sync) {
    match multiplications > SHARED && rayon::current_num_threads() > 1 {
        true => jobs.into_par_iter().for_each(work),
        false => jobs.into_iter().for_each(work),
    }
}
