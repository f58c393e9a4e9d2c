//! Comoving boxes and light cones of the 21 cm line on the sky: comoving Mpc to angles and frequencies.
//!
//! A slice at comoving distance D is seen at nu = nu0/(1 + z(D)), a comoving length across the line of sight under the
//! angle x/D_M. Distances are those of cell centres. Slices are means over their depth already: a channel as deep as a
//! slice is the temperature interpolated at its middle (Lanczos), a deeper one the mean of as many points as slices. A mean
//! over the two slices that such a channel touches would lose half of the power of waves of 2.5 slices.
//! The image is flat: pixels of equal direction cosines are pixels of equal comoving length (a field of 5 degrees bends by
//! 3 parts in 10^4 at its edge).

use super::cosmology::Cosmology;
use super::resample::SpectralGrid;
use crate::error::{Error, Result, Watch};
use crate::units::C_KM_S;
use crate::units::hi::NU0_HZ;
use ndarray::{Array2, Array3, ArrayView3, Axis};
use std::f64::consts::PI;

/// Comoving distances of the slices' edges along the line of sight, Mpc, rising; one more than slices.
#[derive(Debug, Clone, PartialEq)]
pub struct LineOfSight {
    edges_mpc: Vec<f64>,
}

/// The slices that make one channel: the first of them, and the share of each; shares sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelSlices {
    /// Number of the first slice.
    pub first: usize,
    /// Share of it and of those behind it.
    pub weights: Vec<f64>,
}

impl LineOfSight {
    /// A coeval box of `slices` cells of `cell_mpc` about redshift `z`, which is that of its middle.
    ///
    /// # Errors
    /// A box that reaches to the observer.
    pub fn of_box(cosmology: &Cosmology, z: f64, slices: usize, cell_mpc: f64) -> Result<LineOfSight> {
        let near = cosmology.comoving_distance_mpc(z) - 0.5 * slices as f64 * cell_mpc;
        LineOfSight::new((0..=slices).map(|i| near + i as f64 * cell_mpc).collect())
    }

    /// A light cone whose slices are centred at `distances_mpc`, rising; edges are half-way between, and as wide outside.
    ///
    /// # Errors
    /// Less than two slices, or one that reaches to the observer.
    pub fn of_distances(distances_mpc: &[f64]) -> Result<LineOfSight> {
        let [first, second, ..] = distances_mpc else {
            return Err(Error::input("a light cone needs at least two slices")
                .found(format!("{} distances", distances_mpc.len()))
                .expected("two or more"));
        };
        let mut edges = vec![1.5 * first - 0.5 * second];
        edges.extend(distances_mpc.windows(2).map(|w| 0.5 * (w[0] + w[1])));
        let n = distances_mpc.len();
        edges.push(1.5 * distances_mpc[n - 1] - 0.5 * distances_mpc[n - 2]);
        LineOfSight::new(edges)
    }

    fn new(edges_mpc: Vec<f64>) -> Result<LineOfSight> {
        if edges_mpc.first().is_some_and(|d| *d > 0.0) && edges_mpc.len() > 1 {
            return Ok(LineOfSight { edges_mpc });
        }
        Err(Error::input("the box reaches to the observer")
            .found(format!("from {:.1} Mpc", edges_mpc.first().copied().unwrap_or(0.0)))
            .expected("a box that is small against its distance"))
    }

    /// Number of slices.
    pub fn slices(&self) -> usize {
        self.edges_mpc.len() - 1
    }

    /// Lowest and highest frequency of the line in the box, Hz.
    ///
    /// # Errors
    /// A distance without a redshift.
    pub fn band_hz(&self, cosmology: &Cosmology) -> Result<[f64; 2]> {
        let at = |d: f64| Ok(NU0_HZ / (1.0 + cosmology.redshift_of_comoving_distance(d)?));
        Ok([at(self.edges_mpc[self.slices()])?, at(self.edges_mpc[0])?])
    }

    /// Equal channels about the middle of the box's band: as many as slices, or as many of `width_hz` as fit, or `channels`.
    ///
    /// # Errors
    /// A distance without a redshift; a channel wider than the box.
    pub fn own_channels(
        &self,
        cosmology: &Cosmology,
        width_hz: Option<f64>,
        channels: Option<usize>,
        specsys: &str,
    ) -> Result<SpectralGrid> {
        let [low, high] = self.band_hz(cosmology)?;
        let middle_hz = 0.5 * (low + high);
        let width_hz = width_hz.unwrap_or((high - low) / self.slices() as f64);
        // rounding must not cost the last channel
        let most = ((high - low) / width_hz + 1e-9) as usize;
        let channels = channels.unwrap_or(most);
        if most == 0 || channels == 0 {
            return Err(Error::input("a channel is wider than the box is deep")
                .found(format!("channels of {width_hz} Hz in a box of {} Hz", high - low))
                .expected("narrower channels")
                .place("sky.channel_width"));
        }
        let first_hz = middle_hz - 0.5 * (channels as f64 - 1.0) * width_hz;
        Ok(SpectralGrid { first_hz, width_hz, channels, specsys: specsys.into() })
    }

    /// The slices of each channel of `grid`.
    ///
    /// # Errors
    /// A channel that reaches beyond the box.
    pub fn slices_of(&self, grid: &SpectralGrid, cosmology: &Cosmology) -> Result<Vec<ChannelSlices>> {
        let [low, high] = self.band_hz(cosmology)?;
        let bottom = grid.first_hz - 0.5 * grid.width_hz;
        let top = bottom + grid.channels as f64 * grid.width_hz;
        let slack = 1e-6 * grid.width_hz;
        if bottom < low - slack || top > high + slack {
            return Err(Error::input("the channels reach beyond the box")
                .found(super::band::format_range([bottom, top]))
                .expected(format!("channels within {}", super::band::format_range([low, high])))
                .place("sky.channels, sky.channel_width and sky.band_centre")
                .hint("leave them out to take what the box holds"));
        }
        let distance = |nu: f64| cosmology.comoving_distance_mpc(NU0_HZ / nu - 1.0);
        let of = |c: usize| {
            let from = bottom + c as f64 * grid.width_hz;
            self.slices_between(distance(from + grid.width_hz), distance(from))
        };
        Ok((0..grid.channels).map(of).collect())
    }

    /// The mean over points from `near` to `far`, one a slice and at least one, of the temperature between slices.
    fn slices_between(&self, near: f64, far: f64) -> ChannelSlices {
        let (edges, last) = (&self.edges_mpc, self.slices() - 1);
        let slice_of = |d: f64| edges.partition_point(|e| *e <= d).saturating_sub(1).min(last);
        let depth = |slice: usize| edges[slice + 1] - edges[slice];
        let points = ((far - near) / depth(slice_of(0.5 * (near + far)))).round().max(1.0);
        // in slices: whole numbers are their middles
        let places: Vec<f64> = (0..points as usize)
            .map(|p| {
                let d = near + (far - near) * (p as f64 + 0.5) / points;
                let slice = slice_of(d);
                let at = slice as f64 + (d - edges[slice]) / depth(slice) - 0.5;
                // a slice but for rounding is that slice
                if (at - at.round()).abs() < 1e-6 { at.round() } else { at }
            })
            .collect();
        let of = |place: f64| {
            let low = place.floor() as i64;
            (low + 1 - REACH..=low + REACH).filter(|s| (0..=last as i64).contains(s))
        };
        let all = || places.iter().flat_map(|place| of(*place).map(|slice| (slice, *place)));
        let first = all().map(|(slice, _)| slice).min().unwrap_or(0);
        let end = all().map(|(slice, _)| slice + 1).max().unwrap_or(1);
        let mut weights = vec![0.0; (end - first) as usize];
        for (slice, place) in all() {
            weights[(slice - first) as usize] += lanczos(place - slice as f64);
        }
        // a constant stays, at the box's ends, too
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        ChannelSlices { first: first as usize, weights }
    }
}

/// Slices to either side that interpolation along the line of sight takes.
const REACH: i64 = 6;

/// sinc(x) sinc(x/REACH): interpolation that keeps waves of 2.5 slices and more.
fn lanczos(x: f64) -> f64 {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    if x.abs() < REACH as f64 { sinc(x) * sinc(x / REACH as f64) } else { 0.0 }
}

/// dnu/dD = nu0 H(z)/(c (1+z)^2): observed frequency a comoving Mpc along the line of sight at `z`, Hz/Mpc.
pub fn hz_per_mpc(cosmology: &Cosmology, z: f64) -> f64 {
    NU0_HZ * cosmology.hubble_km_s_mpc(z) / (C_KM_S * (1.0 + z).powi(2))
}

/// How pixels lie on the box across the line of sight.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Across {
    /// Pixels along x and y.
    pub pixels: [usize; 2],
    /// Pixel size, rad.
    pub cell_rad: f64,
    /// Cell of the box, Mpc.
    pub cell_mpc: f64,
    /// Transverse comoving distance, Mpc, at which one angle is one length for all channels; None: each channel at its
    /// own distance.
    pub fixed_mpc: Option<f64>,
}

/// Temperatures on the pixels and channels of the sky, [channel, y, x], from `values`, the slices `from` and on as
/// [z, y, x].
///
/// The middle of the box, cell n/2, is on pixel n/2; x rises to the west, y to the north. Beyond its sides the box repeats
/// itself. Where a pixel is a cell, cells are copied; elsewhere the four cells around a pixel's centre are interpolated
/// bilinearly. `watch` advances by one a channel.
///
/// # Errors
/// Slices that are not there; stopped by the user.
pub fn on_the_sky(
    values: ArrayView3<f32>,
    from: usize,
    channels: &[ChannelSlices],
    grid: &SpectralGrid,
    across: &Across,
    cosmology: &Cosmology,
    watch: &Watch,
) -> Result<Array3<f64>> {
    let (slices, ny_box, nx_box) = values.dim();
    let [nx, ny] = across.pixels;
    let mut out = Array3::zeros((channels.len(), ny, nx));
    for (c, (channel, mut plane)) in channels.iter().zip(out.outer_iter_mut()).enumerate() {
        if channel.first < from || channel.first + channel.weights.len() > from + slices {
            return Err(Error::input("a channel needs slices that were not read")
                .found(format!("{} slices from {from}", slices))
                .expected(format!("{} from {}", channel.weights.len(), channel.first)));
        }
        let mut mean = Array2::<f64>::zeros((ny_box, nx_box));
        for (k, weight) in channel.weights.iter().enumerate() {
            let slice = values.index_axis(Axis(0), channel.first - from + k);
            mean.zip_mut_with(&slice, |m, v| *m += weight * f64::from(*v));
        }
        let freq_hz = grid.first_hz + c as f64 * grid.width_hz;
        let distance = across.fixed_mpc.unwrap_or_else(|| cosmology.transverse_distance_mpc(NU0_HZ / freq_hz - 1.0));
        let cells_a_pixel = across.cell_rad * distance / across.cell_mpc;
        let columns: Vec<Place> = (0..nx).map(|i| Place::new(i, nx, nx_box, cells_a_pixel)).collect();
        for (j, mut row) in plane.outer_iter_mut().enumerate() {
            let y = Place::new(j, ny, ny_box, cells_a_pixel);
            for (value, x) in row.iter_mut().zip(&columns) {
                let along = |row: usize| (1.0 - x.share) * mean[[row, x.low]] + x.share * mean[[row, x.high]];
                *value = (1.0 - y.share) * along(y.low) + y.share * along(y.high);
            }
        }
        watch.advance(1)?;
    }
    Ok(out)
}

/// The two cells about a pixel's centre, and the share of the second.
struct Place {
    low: usize,
    high: usize,
    share: f64,
}

impl Place {
    fn new(pixel: usize, pixels: usize, cells: usize, cells_a_pixel: f64) -> Place {
        let at = (pixel as f64 - (pixels / 2) as f64) * cells_a_pixel + (cells / 2) as f64;
        // a pixel that is a cell but for rounding is that cell
        let at = if (at - at.round()).abs() < 1e-9 * pixels as f64 { at.round() } else { at };
        let low = at.floor();
        let wrapped = |cell: f64| cell.rem_euclid(cells as f64) as usize % cells;
        Place { low: wrapped(low), high: wrapped(low + 1.0), share: at - low }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planck18() -> Cosmology {
        Cosmology::named("Planck18").unwrap()
    }

    #[test]
    fn a_box_is_as_deep_in_frequency_as_its_light_travels() {
        // astropy 8.0.2: Planck18.comoving_distance(8).value = 9131.898250223487, H(8) = 1021.61... ; a cell of 1 Mpc is
        // nu0 H/(c 81) deep
        let c = planck18();
        let per_mpc = hz_per_mpc(&c, 8.0);
        assert!((per_mpc / (1_420_405_751.768 * 67.66 * 15.099190840358467 / (299_792.458 * 81.0)) - 1.0).abs() < 1e-6);
        let line = LineOfSight::of_box(&c, 8.0, 64, 1.5).unwrap();
        let [low, high] = line.band_hz(&c).unwrap();
        assert!(((high - low) / (96.0 * per_mpc) - 1.0).abs() < 1e-4);
        assert!((0.5 * (low + high) / (NU0_HZ / 9.0) - 1.0).abs() < 1e-4);
        let grid = line.own_channels(&c, None, None, "BARYCENT").unwrap();
        assert_eq!(grid.channels, 64);
        assert!((grid.width_hz / (1.5 * per_mpc) - 1.0).abs() < 1e-3);
        assert!(LineOfSight::of_box(&c, 0.001, 64, 1.5).is_err());
        assert!(LineOfSight::of_distances(&[9000.0]).is_err());
    }

    #[test]
    fn channels_keep_constants_and_waves_along_the_line_of_sight() {
        let c = planck18();
        let line = LineOfSight::of_box(&c, 8.0, 160, 4.0).unwrap();
        for (width, channels) in [(None, None), (Some(5e5), None), (Some(8e4), Some(60)), (Some(1e4), Some(7))] {
            let grid = line.own_channels(&c, width, channels, "BARYCENT").unwrap();
            let shares = line.slices_of(&grid, &c).unwrap();
            for channel in &shares {
                assert!((channel.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
                assert!(channel.first + channel.weights.len() <= 160);
            }
            if width.is_some_and(|w| w > 4e5) {
                continue;
            }
            // waves of 40 to 10 Mpc, away from the box's ends
            for length_mpc in [40.0, 20.0, 13.0, 10.0] {
                let wave = |d: f64| (2.0 * PI * d / length_mpc).cos();
                let slices: Vec<f64> = (0..160).map(|s| wave(line.edges_mpc[0] + 4.0 * (s as f64 + 0.5))).collect();
                for (k, channel) in shares.iter().enumerate().filter(|(_, s)| s.first > 0 && s.first < 145) {
                    let value: f64 = channel.weights.iter().zip(&slices[channel.first..]).map(|(w, s)| w * s).sum();
                    let at = |share: f64| {
                        let nu = grid.first_hz + (k as f64 + share) * grid.width_hz;
                        c.comoving_distance_mpc(NU0_HZ / nu - 1.0)
                    };
                    let exact = wave(0.5 * (at(-0.5) + at(0.5)));
                    assert!((value - exact).abs() < 0.06, "{length_mpc} Mpc, channel {k}: {value} {exact}");
                }
            }
        }
        let mut beyond = line.own_channels(&c, None, None, "BARYCENT").unwrap();
        beyond.channels += 3;
        let text = line.slices_of(&beyond, &c).unwrap_err().to_string();
        assert!(text.contains("reach beyond the box") && text.contains("MHz"), "{text}");
    }

    #[test]
    fn cells_are_copied_tiled_cropped_and_interpolated() {
        let c = planck18();
        let values = Array3::from_shape_fn((4, 6, 6), |(z, y, x)| (100 * z + 10 * y + x) as f32);
        let channel = |first: usize| ChannelSlices { first, weights: vec![0.25, 0.75] };
        let grid = SpectralGrid { first_hz: 1.5e8, width_hz: 1e5, channels: 2, specsys: "BARYCENT".into() };
        let sky = |pixels: [usize; 2], cell_rad: f64, fixed_mpc: Option<f64>| {
            let across = Across { pixels, cell_rad, cell_mpc: 2.0, fixed_mpc };
            on_the_sky(values.view(), 0, &[channel(0), channel(2)], &grid, &across, &c, &Watch::silent()).unwrap()
        };
        let native = sky([6, 6], 2.0 / 9000.0, Some(9000.0));
        // 0.25 x 0 + 0.75 x 100, and 0.25 x 200 + 0.75 x 300
        assert_eq!((native[[0, 0, 0]], native[[1, 5, 4]]), (75.0, 275.0 + 54.0));
        let cropped = sky([4, 2], 2.0 / 9000.0, Some(9000.0));
        assert_eq!(cropped.index_axis(Axis(0), 0), native.slice(ndarray::s![0, 2..4, 1..5]));
        let tiled = sky([14, 12], 2.0 / 9000.0, Some(9000.0));
        assert_eq!(tiled[[1, 6, 7]], native[[1, 3, 3]]);
        assert_eq!(tiled[[1, 0, 0]], native[[1, 3, 2]]);
        // half a cell a pixel: every second is a cell, the others lie half-way
        let fine = sky([6, 6], 1.0 / 9000.0, Some(9000.0));
        assert_eq!(fine[[0, 3, 3]], native[[0, 3, 3]]);
        assert_eq!(fine[[0, 3, 4]], 0.5 * (native[[0, 3, 3]] + native[[0, 3, 4]]));
        // each channel at its own distance: the farther one, lower in frequency, has more cells a pixel
        let own = sky([6, 6], 2.0 / c.transverse_distance_mpc(NU0_HZ / 1.5e8 - 1.0), None);
        assert_eq!(own[[0, 4, 4]], native[[0, 4, 4]]);
        let nearer =
            c.transverse_distance_mpc(NU0_HZ / 1.501e8 - 1.0) / c.transverse_distance_mpc(NU0_HZ / 1.5e8 - 1.0);
        assert!((own[[1, 4, 3]] - (native[[1, 3, 3]] + 10.0 * nearer)).abs() < 1e-9);
    }
}
