//! The residual as the minor cycle sees it: tiles that are brought up to date only when they could hold the peak.
//!
//! A component changes a far tile by no more than its amount times the largest |PSF| there, so each tile keeps an
//! upper bound of its peak. As long as the bound stays below the peak found elsewhere, the components that the tile
//! owes are only remembered; they are subtracted together, with the tile in the first cache, in the order in which
//! they were found. Every pixel therefore goes through the very operations of the plain loop (subtract the whole PSF,
//! search the whole image), bit for bit, whatever is updated when and by which thread.
//!
//! A layer is the residual convolved with one scale's kernel (one layer in all without multiscale); a component of
//! layer s takes PSF * K_s * K_t off layer t (Cornwell 2008, IEEE JSTSP 2, 793, section III).

use super::patch::{Area, Patch, TILE_X, TILE_Y};
use crate::error::{Result, Watch};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;

/// Pixel updates above which tiles are shared among threads.
const SHARE: usize = 1 << 18;
/// Components between two looks at the stop flag.
const LOOK: usize = 128;
/// A loop whose peak grows beyond this times its first peak diverges.
const DIVERGED: f64 = 2.0;

/// Patches between layers.
#[derive(Debug)]
pub(super) struct Patches {
    pub layers: usize,
    pub channels: usize,
    /// Entry (s * layers + t) * channels + c.
    pub list: Vec<Patch>,
    /// Largest |value| outside a layer's patch on itself, over its peak.
    pub left: f64,
}

impl Patches {
    pub fn get(&self, from: usize, to: usize, channel: usize) -> &Patch {
        &self.list[(from * self.layers + to) * self.channels + channel]
    }
}

/// One layer's input.
pub(super) struct Layer<'a> {
    /// Images, one a channel.
    pub images: Vec<Array2<f64>>,
    /// What the layer's peak is multiplied by in the choice between layers.
    pub bias: f64,
    /// Pixels where components may stand; all where `None`.
    pub allowed: Option<&'a Array2<bool>>,
}

/// Where a component stands, and in which layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub layer: usize,
    pub y: usize,
    pub x: usize,
}

/// Why a minor cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MinorStop {
    Limit,
    Count,
    Diverged,
}

/// The largest value (after the layers' bias) and where it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Peak {
    pub component: Component,
    pub biased: f64,
    tile: usize,
    index: usize,
}

struct Tile {
    layer: usize,
    area: Area,
    /// Channel after channel.
    values: Vec<f64>,
    /// Weighted sum of the channels; empty with one channel.
    sum: Vec<f64>,
    allowed: Option<Vec<bool>>,
    /// Components subtracted so far.
    applied: usize,
    /// Upper bound of the peak; the peak itself once all components are subtracted.
    bound: f64,
}

/// Layers of residuals with the components found in them.
pub(super) struct Field<'a> {
    shape: (usize, usize),
    tiles_x: usize,
    per_layer: usize,
    tiles: Vec<Tile>,
    patches: &'a Patches,
    bias: Vec<f64>,
    /// Channels' weights in the searched sum; they add up to 1.
    weights: &'a [f64],
    negative: bool,
    components: Vec<Component>,
    /// Amounts, `channels` for each component.
    amounts: Vec<f64>,
}

impl<'a> Field<'a> {
    /// Takes equally shaped images apart into tiles; `negative`: negative peaks count too.
    pub fn new(layers: Vec<Layer<'a>>, patches: &'a Patches, weights: &'a [f64], negative: bool) -> Field<'a> {
        let shape = layers.first().and_then(|l| l.images.first()).map_or((0, 0), Array2::dim);
        let (tiles_y, tiles_x) = (shape.0.div_ceil(TILE_Y), shape.1.div_ceil(TILE_X));
        let per_layer = tiles_y * tiles_x;
        let make = |number: usize| {
            let (layer, number) = (number / per_layer, number % per_layer);
            let (y, x) = (number / tiles_x * TILE_Y, number % tiles_x * TILE_X);
            let area = Area { y, x, rows: TILE_Y.min(shape.0 - y), columns: TILE_X.min(shape.1 - x) };
            let cut = s![y..y + area.rows, x..x + area.columns];
            let input = &layers[layer];
            let values = input.images.iter().flat_map(|image| image.slice(cut).iter().copied().collect::<Vec<_>>());
            let allowed = input.allowed.map(|a| a.slice(cut).iter().copied().collect::<Vec<_>>());
            let allowed = allowed.filter(|a| !a.iter().all(|b| *b));
            let mut tile =
                Tile { layer, area, values: values.collect(), sum: Vec::new(), allowed, applied: 0, bound: 0.0 };
            tile.measure(weights, negative);
            tile
        };
        let tiles = (0..layers.len() * per_layer).into_par_iter().map(make).collect();
        let bias = layers.iter().map(|l| l.bias).collect();
        Field {
            shape,
            tiles_x,
            per_layer,
            tiles,
            patches,
            bias,
            weights,
            negative,
            components: Vec::new(),
            amounts: Vec::new(),
        }
    }

    /// Subtracts components of `gain` times the peak until it is at most `limit` (after bias) or `most` are found.
    pub fn run(&mut self, gain: f64, limit: f64, most: usize, watch: &Watch) -> Result<MinorStop> {
        let mut first = None;
        for count in 0..most {
            if count % LOOK == 0 {
                watch.check()?;
            }
            let Some(peak) = self.peak().filter(|p| p.biased > limit) else { return Ok(MinorStop::Limit) };
            if peak.biased > DIVERGED * *first.get_or_insert(peak.biased) {
                return Ok(MinorStop::Diverged);
            }
            self.subtract(&peak, gain);
        }
        Ok(MinorStop::Count)
    }

    /// The largest biased value over all layers; of equal ones the first (layer, row, column). None where no pixel is
    /// allowed.
    pub fn peak(&mut self) -> Option<Peak> {
        let best = loop {
            let biased = |t: &Tile| t.bound * self.bias[t.layer];
            let n = self.components.len();
            let lead = (0..self.tiles.len())
                .reduce(|a, b| if biased(&self.tiles[b]) > biased(&self.tiles[a]) { b } else { a })?;
            if self.tiles[lead].bound == f64::NEG_INFINITY {
                return None;
            }
            self.update(&[lead]);
            let biased = |t: &Tile| t.bound * self.bias[t.layer];
            let fresh = self.tiles.iter().filter(|t| t.applied == n).map(biased).fold(f64::NEG_INFINITY, f64::max);
            let owing = |i: &usize| self.tiles[*i].applied < n && biased(&self.tiles[*i]) >= fresh;
            let stale: Vec<usize> = (0..self.tiles.len()).filter(owing).collect();
            if stale.is_empty() {
                break fresh;
            }
            self.update(&stale);
        };
        let n = self.components.len();
        let holders = self.tiles.iter().enumerate();
        let holders = holders.filter(|(_, t)| t.applied == n && t.bound * self.bias[t.layer] == best);
        let found = holders.filter_map(|(number, tile)| {
            let index = tile.find(self.negative)?;
            let (y, x) = (tile.area.y + index / tile.area.columns, tile.area.x + index % tile.area.columns);
            Some(Peak { component: Component { layer: tile.layer, y, x }, biased: best, tile: number, index })
        });
        found.min_by_key(|p| (p.component.layer, p.component.y, p.component.x))
    }

    /// Remembers a component of `gain` times the peak's value in every channel, and raises the tiles' bounds.
    fn subtract(&mut self, peak: &Peak, gain: f64) {
        let Component { layer, y, x } = peak.component;
        let area = self.tiles[peak.tile].area;
        let channels = self.weights.len();
        let start = self.amounts.len();
        for c in 0..channels {
            let value = self.tiles[peak.tile].values[c * area.rows * area.columns + peak.index];
            // the layer answers to its own component with the patch's peak, 1 without multiscale
            self.amounts.push(gain * value / self.patches.get(layer, layer, c).peak());
        }
        self.components.push(peak.component);
        let amounts = &self.amounts[start..];
        for to in 0..self.bias.len() {
            let mut reach = [usize::MAX, 0, usize::MAX, 0];
            for c in 0..channels {
                let r = self.patches.get(layer, to, c).reach(y, x);
                reach = [reach[0].min(r[0]), reach[1].max(r[1]), reach[2].min(r[2]), reach[3].max(r[3])];
            }
            let (bottom, right) = (reach[1].min(self.shape.0), reach[3].min(self.shape.1));
            for ty in reach[0] / TILE_Y..bottom.div_ceil(TILE_Y) {
                for tx in reach[2] / TILE_X..right.div_ceil(TILE_X) {
                    let tile = &mut self.tiles[to * self.per_layer + ty * self.tiles_x + tx];
                    let each = amounts.iter().zip(self.weights).enumerate();
                    let change: f64 = each
                        .map(|(c, (a, w))| (a * w).abs() * self.patches.get(layer, to, c).bound(tile.area, y, x))
                        .sum();
                    if change > 0.0 {
                        // with room for the rounding of the subtraction itself
                        tile.bound += change + 8.0 * f64::EPSILON * (tile.bound.abs() + change);
                    }
                }
            }
        }
    }

    /// Brings the tiles of these numbers up to date.
    fn update(&mut self, numbers: &[usize]) {
        let n = self.components.len();
        let owed = |i: &usize| (n - self.tiles[*i].applied) * self.tiles[*i].values.len();
        let work: usize = numbers.iter().map(owed).sum();
        let (components, amounts, patches) = (&self.components, &self.amounts, self.patches);
        let (weights, negative) = (self.weights, self.negative);
        let one = |tile: &mut Tile| tile.apply(components, amounts, patches, weights, negative);
        if work < SHARE || numbers.len() == 1 {
            numbers.iter().for_each(|&i| one(&mut self.tiles[i]));
        } else {
            let mut wanted = vec![false; self.tiles.len()];
            numbers.iter().for_each(|&i| wanted[i] = true);
            self.tiles.par_iter_mut().zip(wanted).filter(|(_, w)| *w).for_each(|(tile, _)| one(tile));
        }
    }

    /// The components found, with their amounts in each channel.
    pub fn components(&self) -> impl Iterator<Item = (Component, &[f64])> {
        self.components.iter().copied().zip(self.amounts.chunks_exact(self.weights.len()))
    }

    /// The first layer with all components subtracted, one image a channel.
    pub fn into_residuals(mut self) -> Vec<Array2<f64>> {
        let first: Vec<usize> = (0..self.per_layer).collect();
        self.update(&first);
        let mut images = vec![Array2::zeros(self.shape); self.weights.len()];
        for tile in &self.tiles[..self.per_layer] {
            let Area { y, x, rows, columns } = tile.area;
            for (image, values) in images.iter_mut().zip(tile.values.chunks_exact(rows * columns)) {
                if let Ok(view) = ArrayView2::from_shape((rows, columns), values) {
                    image.slice_mut(s![y..y + rows, x..x + columns]).assign(&view);
                }
            }
        }
        images
    }
}

impl Tile {
    fn apply(&mut self, components: &[Component], amounts: &[f64], patches: &Patches, weights: &[f64], negative: bool) {
        if self.applied == components.len() {
            return;
        }
        let channels = weights.len();
        let size = self.area.rows * self.area.columns;
        for k in self.applied..components.len() {
            let Component { layer, y, x } = components[k];
            for (c, values) in self.values.chunks_exact_mut(size).enumerate() {
                patches.get(layer, self.layer, c).subtract(amounts[k * channels + c], y, x, self.area, values);
            }
        }
        self.applied = components.len();
        self.measure(weights, negative);
    }

    /// Sets `bound` to the peak of the values as they are.
    fn measure(&mut self, weights: &[f64], negative: bool) {
        let size = self.area.rows * self.area.columns;
        if weights.len() > 1 {
            self.sum.clear();
            self.sum.resize(size, 0.0);
            for (values, w) in self.values.chunks_exact(size).zip(weights) {
                self.sum.iter_mut().zip(values).for_each(|(s, v)| *s += w * v);
            }
        }
        let searched = if self.sum.is_empty() { &self.values } else { &self.sum };
        self.bound = match (&self.allowed, negative) {
            (None, true) => largest(searched, f64::abs),
            (None, false) => largest(searched, |v| v),
            (Some(allowed), _) => {
                let some = searched.iter().zip(allowed).filter(|(_, a)| **a);
                some.map(|(v, _)| if negative { v.abs() } else { *v }).fold(f64::NEG_INFINITY, f64::max)
            }
        };
    }

    /// First pixel whose measure is the tile's peak.
    fn find(&self, negative: bool) -> Option<usize> {
        let searched = if self.sum.is_empty() { &self.values } else { &self.sum };
        let is_peak = |v: f64| if negative { v.abs() == self.bound } else { v == self.bound };
        let allowed = |i: usize| self.allowed.as_ref().is_none_or(|a| a[i]);
        (0..searched.len()).find(|&i| is_peak(searched[i]) && allowed(i))
    }
}

/// Largest measure, in eight lanes that the compiler keeps in registers.
fn largest(values: &[f64], measure: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; 8];
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            let m = measure(*v);
            *lane = if m > *lane { m } else { *lane };
        }
    }
    let rest = rest.iter().map(|v| measure(*v));
    lanes.into_iter().chain(rest).fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::random::Stream;

    fn image(random: &mut Stream, shape: (usize, usize)) -> Array2<f64> {
        Array2::from_shape_fn(shape, |_| random.normal())
    }

    /// A peak of 1 with sidelobes that reach everywhere.
    fn psf(random: &mut Stream, shape: (usize, usize)) -> Array2<f64> {
        Array2::from_shape_fn(shape, |(y, x)| {
            let r2 = (y as f64 - (shape.0 / 2) as f64).powi(2) + (x as f64 - (shape.1 / 2) as f64).powi(2);
            if r2 == 0.0 { 1.0 } else { 0.8 * (-r2 / 6.0).exp() + 0.05 * random.normal() / (1.0 + 0.02 * r2) }
        })
    }

    /// The plain loop: the whole image searched, whole PSFs subtracted.
    fn naive(
        mut layers: Vec<Vec<Array2<f64>>>,
        bias: &[f64],
        psfs: &[Array2<f64>],
        weights: &[f64],
        allowed: Option<&Array2<bool>>,
        negative: bool,
        gain: f64,
        count: usize,
    ) -> (Vec<Vec<Array2<f64>>>, Vec<(Component, Vec<f64>)>) {
        let (ny, nx) = layers[0][0].dim();
        let n = layers.len();
        let mut found = Vec::new();
        for _ in 0..count {
            let mut best = f64::NEG_INFINITY;
            let mut at = Component { layer: 0, y: 0, x: 0 };
            for layer in 0..n {
                for y in 0..ny {
                    for x in 0..nx {
                        let value = |c: usize| layers[layer][c][[y, x]];
                        let sum = if weights.len() == 1 {
                            value(0)
                        } else {
                            (0..weights.len()).fold(0.0, |s, c| s + weights[c] * value(c))
                        };
                        let m = bias[layer] * if negative { sum.abs() } else { sum };
                        if m > best && allowed.is_none_or(|a| a[[y, x]]) {
                            (best, at) = (m, Component { layer, y, x });
                        }
                    }
                }
            }
            let psf = |s: usize, t: usize, c: usize| &psfs[(s * n + t) * weights.len() + c];
            let amounts: Vec<f64> = (0..weights.len())
                .map(|c| {
                    let own = psf(at.layer, at.layer, c);
                    gain * layers[at.layer][c][[at.y, at.x]] / own[[own.nrows() / 2, own.ncols() / 2]]
                })
                .collect();
            for t in 0..n {
                for (c, amount) in amounts.iter().enumerate() {
                    let p = psf(at.layer, t, c);
                    for ((py, px), v) in p.indexed_iter() {
                        let (y, x) = ((at.y + py).checked_sub(p.nrows() / 2), (at.x + px).checked_sub(p.ncols() / 2));
                        if let (Some(y), Some(x)) = (y, x)
                            && let Some(r) = layers[t][c].get_mut((y, x))
                        {
                            *r -= amount * v;
                        }
                    }
                }
            }
            found.push((at, amounts));
        }
        (layers, found)
    }

    #[test]
    fn the_same_as_the_plain_loop_bit_for_bit() {
        let mut random = Stream::new(7, [1, 1, 1]);
        let shape = (101, 150);
        for (layers, channels, negative, masked, size) in [
            (1, 1, true, false, (101, 150)),
            (1, 1, false, true, (60, 33)),
            (3, 1, true, true, (77, 150)),
            (1, 3, true, false, (101, 150)),
            (2, 2, false, false, (202, 300)),
        ] {
            let images: Vec<Vec<Array2<f64>>> =
                (0..layers).map(|_| (0..channels).map(|_| image(&mut random, shape)).collect()).collect();
            let psfs: Vec<Array2<f64>> = (0..layers * layers * channels).map(|_| psf(&mut random, size)).collect();
            let mask = Array2::from_shape_fn(shape, |(y, x)| (y / 9 + x / 14) % 3 == 1);
            let allowed = masked.then_some(&mask);
            let bias: Vec<f64> = (0..layers).map(|l| 1.0 + 0.2 * l as f64).collect();
            let weights = vec![1.0 / channels as f64; channels];
            let (expected, list) = naive(images.clone(), &bias, &psfs, &weights, allowed, negative, 0.15, 300);
            let patches = Patches {
                layers,
                channels,
                list: psfs.iter().map(|p| Patch::new(p.view(), 1000)).collect(),
                left: 0.0,
            };
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| {
                    let input = images.iter().zip(&bias);
                    let input = input.map(|(images, bias)| Layer { images: images.clone(), bias: *bias, allowed });
                    let mut field = Field::new(input.collect(), &patches, &weights, negative);
                    let stop = field.run(0.15, f64::NEG_INFINITY, 300, &Watch::silent()).unwrap();
                    assert_eq!(stop, MinorStop::Count);
                    let found: Vec<(Component, Vec<f64>)> = field.components().map(|(c, a)| (c, a.to_vec())).collect();
                    assert_eq!(found, list);
                    assert_eq!(field.into_residuals(), expected[0]);
                });
            }
        }
    }
}
