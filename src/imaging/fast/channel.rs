//! One channel of a plan: spectra of the PSFs of every class and w node, beams, screens, bounds.

use super::bound::ChannelErrors;
use super::nodes::{self, Nodes};
use super::noise::{ChannelNoise, NoiseSource};
use super::samples::{Baselines, ChannelSamples};
use super::transform::{Real, Screens, Source, Transform, Work, depth, screen};
use super::{ChannelFacts, FastRequest};
use crate::error::{Result, Watch};
use crate::formats::visibilities::VisibilityTable;
use crate::gridding::{ImageGeometry, Operator};
use crate::imaging::{ImageParams, Method};
use crate::telescope::beam::StationBeams;
use ndarray::ArrayView2;
use rustfft::num_complex::Complex64;
use std::f64::consts::PI;

/// What every channel of a plan shares while it is made.
pub(super) struct Setting<'a> {
    pub sky: ImageGeometry,
    pub image: ImageGeometry,
    pub method: Method,
    pub request: &'a FastRequest,
    pub classes: &'a [Option<(usize, usize)>],
    pub beams: Option<&'a StationBeams>,
    pub channel_width_hz: f64,
    pub integration_time_s: f64,
}

impl<'a> Setting<'a> {
    pub fn new(
        table: &VisibilityTable,
        baselines: &'a Baselines,
        beams: Option<&'a StationBeams>,
        params: &ImageParams,
        sky: ImageGeometry,
        request: &'a FastRequest,
    ) -> Setting<'a> {
        Setting {
            sky,
            image: params.geometry,
            method: params.method,
            request,
            classes: &baselines.classes,
            beams,
            channel_width_hz: table.channel_width_hz,
            integration_time_s: table.integration_time_s,
        }
    }

    /// Largest |n_x - n_y| between a pixel of the image and one of the sky.
    pub fn deepest(&self) -> f64 {
        depth(&self.sky, 0, 0).min(depth(&self.image, 0, 0)).abs()
    }

    /// Mean error per unit of flux that interpolation in w may have.
    pub fn w_accuracy(&self) -> f64 {
        0.8 * self.request.epsilon / self.request.flux_over_peak
    }

    /// The request's method; gridding to `epsilon`.
    fn method_to(&self, epsilon: f64) -> Method {
        match self.method {
            Method::Fft { .. } => Method::Fft { epsilon },
            Method::Dft => Method::Dft,
        }
    }

    /// Accuracy of the PSFs' gridding.
    pub fn gridding_epsilon(&self) -> f64 {
        (0.02 * self.request.epsilon / self.request.flux_over_peak).clamp(1e-12, 1e-3)
    }
}

/// A class of baselines that has samples in this channel.
struct Class<T> {
    /// Power beam at the sky's pixels, [y][x]; `None`: 1.
    beam: Option<Vec<T>>,
}

/// A node in w.
struct Term<T: Real> {
    screens: Option<Screens<T>>,
    /// PSF spectrum of each class.
    spectra: Vec<Vec<T>>,
}

/// Everything about one channel that does not depend on the sky.
pub(super) struct Channel<T: Real> {
    classes: Vec<Class<T>>,
    terms: Vec<Term<T>>,
    /// Error per flux that interpolation in w and smearing have at each sky pixel, [y][x]; empty where it is 0.
    w_error: Vec<f32>,
    smearing: Vec<f32>,
    /// Error per summed flux of the PSFs' gridding, and per root of summed squares of rounding.
    gridding_error: f64,
    rounding: f64,
    pub noise: ChannelNoise<T>,
    pub facts: ChannelFacts,
}

impl<T: Real> Channel<T> {
    /// A channel without samples.
    pub fn blank(facts: ChannelFacts) -> Channel<T> {
        Channel {
            classes: Vec::new(),
            terms: Vec::new(),
            w_error: Vec::new(),
            smearing: Vec::new(),
            gridding_error: 0.0,
            rounding: 0.0,
            noise: ChannelNoise::none(),
            facts,
        }
    }

    /// Plans one channel with `nodes` in w.
    pub fn new(
        setting: &Setting,
        samples: &ChannelSamples,
        nodes: &Nodes,
        transform: &Transform<T>,
        noise: ChannelNoise<T>,
        mut facts: ChannelFacts,
        watch: &Watch,
    ) -> Result<Channel<T>> {
        let (sky, image) = (&setting.sky, &setting.image);
        let field = Field::new(image, transform.x.reach, transform.y.reach);
        let freq_hz = facts.freq_hz;
        let mut classes = Vec::new();
        let mut spectra: Vec<Vec<Vec<T>>> = (0..nodes.terms()).map(|_| Vec::new()).collect();
        let pixels = sky.nx * sky.ny;
        let mut w_error = vec![0.0f32; if nodes.rank() > 1 || nodes_matter(samples) { pixels } else { 0 }];
        let mut smearing = vec![0.0f32; if setting.request.smearing { pixels } else { 0 }];
        let (mut lebesgue, mut rounding) = (0.0, 0.0);
        for (number, class) in setting.classes.iter().enumerate() {
            watch.check()?;
            let members: Vec<usize> =
                (0..samples.uvw.len()).filter(|k| usize::from(samples.class[*k]) == number).collect();
            if members.is_empty() {
                continue;
            }
            let power = class.zip(setting.beams).map(|((a, b), beams)| {
                let (a, b) = (&beams.classes[a], &beams.classes[b]);
                over_pixels(sky, |l, m| {
                    let sin_theta = l.hypot(m).min(1.0);
                    a.voltage(sin_theta, freq_hz) * b.voltage(sin_theta, freq_hz)
                })
            });
            let at = |pixel: usize| power.as_ref().map_or(1.0, |p| p[pixel]);
            let response = |k: &usize| samples.response[*k];

            let uvw: Vec<[f64; 3]> = members.iter().map(|k| field.scaled(samples.uvw[*k])).collect();
            let operator = Operator::new(field.geometry, &uvw, setting.method_to(setting.gridding_epsilon()))?;
            let ones = vec![1.0; members.len()];
            let mut numbered: Vec<(usize, &mut Vec<Vec<T>>)> = spectra.iter_mut().enumerate().collect();
            for some in numbered.chunks_mut(TERMS_TOGETHER) {
                let even = |term: usize| nodes.term_w(term) == 0.0;
                let mut values = |term: usize| -> Vec<Complex64> {
                    let value = |k: &usize| {
                        let (plus, minus) = nodes.basis(term, samples.uvw[*k][2]);
                        let value = if even(term) { (plus, 0.0) } else { (plus + minus, minus - plus) };
                        let w = response(k);
                        lebesgue += w.abs() * if even(term) { plus.abs() } else { plus.abs() + minus.abs() };
                        Complex64::new(w * value.0, w * value.1)
                    };
                    members.iter().map(value).collect()
                };
                let vis: Vec<Vec<Complex64>> = some.iter().map(|(term, _)| values(*term)).collect();
                let sets: Vec<Option<&[Complex64]>> = vis.iter().map(|v| Some(v.as_slice())).collect();
                let kernels = operator.grid(&sets, &ones, watch)?;
                for ((term, spectra), kernel) in some.iter_mut().zip(kernels) {
                    rounding += kernel.iter().map(|p| p * p).sum::<f64>().sqrt();
                    spectra.push(transform.spectrum(kernel.view(), even(*term)));
                }
            }
            if !w_error.is_empty() {
                let omega: f64 =
                    members.iter().map(|k| response(k).abs() * nodes.omega(samples.uvw[*k][2]).abs()).sum();
                let deepest_image = depth(image, 0, 0).abs();
                for (pixel, error) in w_error.iter_mut().enumerate() {
                    let here = depth(sky, pixel / sky.nx, pixel % sky.nx).abs();
                    let t = here.max((deepest_image - here).abs());
                    *error += up(at(pixel).abs() * omega * nodes.remainder(t));
                }
            }
            if !smearing.is_empty() {
                let squares: f64 = members.iter().map(|k| response(k).abs() * norm2(samples.uvw[*k])).sum();
                let turn = EARTH_RATE_RAD_S * setting.integration_time_s;
                let loss = PI * PI / 6.0 * ((setting.channel_width_hz / freq_hz).powi(2) + turn * turn) * squares;
                for (pixel, error) in smearing.iter_mut().enumerate() {
                    let (y, x) = (pixel / sky.nx, pixel % sky.nx);
                    let away = sky.l(x).hypot(sky.m(y)) + depth(sky, y, x).abs();
                    *error += up((at(pixel).abs() * loss * away * away).min(1.0));
                }
            }
            classes.push(Class { beam: power.map(|p| p.into_iter().map(T::of).collect()) });
        }
        let terms = spectra.into_iter().enumerate().map(|(term, spectra)| {
            let w = nodes.term_w(term);
            let screens = (w != 0.0).then(|| Screens { sky: screen(sky, w), image: screen(image, w) });
            Term { screens, spectra }
        });
        facts.w_nodes = nodes.rank();
        facts.noise_jy = noise.rms_jy;
        facts.noise_covariance_error = noise.covariance_error;
        let accuracy = match setting.method {
            Method::Fft { .. } => setting.gridding_epsilon(),
            Method::Dft => 1e-13,
        };
        Ok(Channel {
            classes,
            terms: terms.collect(),
            w_error,
            smearing,
            gridding_error: accuracy * lebesgue,
            rounding: 8.0 * T::epsilon_f64() * rounding,
            noise,
            facts,
        })
    }

    /// Adds the dirty image of `sky` (of the planned grid) to `image`, [y][x], and bounds its error.
    pub fn dirty(
        &self,
        transform: &Transform<T>,
        sky: ArrayView2<f64>,
        work: &mut Work<T>,
        image: &mut [f64],
    ) -> ChannelErrors {
        for term in &self.terms {
            let sources: Vec<Source<T>> = self
                .classes
                .iter()
                .zip(&term.spectra)
                .map(|(class, spectrum)| Source { beam: class.beam.as_deref(), spectrum })
                .collect();
            transform.convolve(sky, &sources, term.screens.as_ref(), work, image);
        }
        let weighed = |error: &[f32]| -> f64 { sky.iter().zip(error).map(|(s, e)| s.abs() * f64::from(*e)).sum() };
        let (flux, squares) = sky.iter().fold((0.0, 0.0), |(f, q), s| (f + s.abs(), q + s * s));
        ChannelErrors {
            w_term: weighed(&self.w_error),
            smearing: weighed(&self.smearing),
            outside: 0.0,
            arithmetic: flux * self.gridding_error + squares.sqrt() * self.rounding,
            flux,
        }
    }

    /// The bound for any sky with a summed flux of `flux`, all of it at the worst place.
    pub fn worst(&self, flux: f64) -> ChannelErrors {
        let worst = |error: &[f32]| flux * error.iter().copied().map(f64::from).fold(0.0, f64::max);
        ChannelErrors {
            w_term: worst(&self.w_error),
            smearing: worst(&self.smearing),
            outside: 0.0,
            arithmetic: flux * self.gridding_error + self.rounding,
            flux,
        }
    }

    /// Classes of baselines that have samples.
    pub fn classes(&self) -> usize {
        self.classes.len()
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        let beams: usize = self.classes.iter().flat_map(|c| &c.beam).map(Vec::len).sum();
        let spectra: usize = self.terms.iter().flat_map(|t| &t.spectra).map(Vec::len).sum();
        let screens: usize =
            self.terms.iter().flat_map(|t| &t.screens).map(|s| 2 * (s.sky.len() + s.image.len())).sum();
        (beams + spectra + screens) * size_of::<T>()
            + (self.w_error.len() + self.smearing.len()) * size_of::<f32>()
            + self.noise.bytes()
    }
}

/// PSFs gridded together: kernels and positions of the samples are computed once for them.
const TERMS_TOGETHER: usize = 3;

/// Angular rate of the Earth, rad/s (IERS Conventions 2010, table 1.1, rounded).
const EARTH_RATE_RAD_S: f64 = 7.292_115e-5;

/// Whether any sample has a w.
pub(super) fn nodes_matter(samples: &ChannelSamples) -> bool {
    samples.uvw.iter().any(|c| c[2] != 0.0)
}

/// The next f32 that is no smaller.
fn up(value: f64) -> f32 {
    (value as f32).next_up()
}

fn norm2(c: [f64; 3]) -> f64 {
    c.iter().map(|x| x * x).sum()
}

fn over_pixels(g: &ImageGeometry, value: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    (0..g.ny).flat_map(|y| (0..g.nx).map(move |x| (y, x))).map(|(y, x)| value(g.l(x), g.m(y))).collect()
}

/// Distances of kernels as the gridder's image. Without w only products u l matter: pixels are shrunk and uv stretched,
/// so that no field is too large.
pub(super) struct Field {
    pub geometry: ImageGeometry,
    stretch: f64,
}

impl Field {
    pub fn new(image: &ImageGeometry, reach_x: usize, reach_y: usize) -> Field {
        let corner = (reach_x as f64 * image.dl).hypot(reach_y as f64 * image.dm);
        let stretch = (corner / 0.1).max(1.0);
        let (nx, ny) = (2 * reach_x + 1, 2 * reach_y + 1);
        Field { geometry: ImageGeometry { nx, ny, dl: image.dl / stretch, dm: image.dm / stretch }, stretch }
    }

    pub fn scaled(&self, c: [f64; 3]) -> [f64; 3] {
        [c[0] * self.stretch, c[1] * self.stretch, 0.0]
    }
}

/// Covariance and powers of the noise of a channel.
pub(super) fn noise_source(setting: &Setting, samples: &ChannelSamples, watch: &Watch) -> Result<NoiseSource> {
    let g = &setting.image;
    let field = Field::new(g, g.nx - 1, g.ny - 1);
    let uvw: Vec<[f64; 3]> = samples.uvw.iter().map(|c| field.scaled(*c)).collect();
    let operator = Operator::new(field.geometry, &uvw, setting.method_to(NOISE_EPSILON))?;
    let covariance = operator.grid_one(None, &samples.power, watch)?;
    let cells = samples.uvw.iter().zip(&samples.power).map(|(c, p)| (c[0] * g.dl, c[1] * g.dm, *p)).collect();
    Ok(NoiseSource { covariance, cells })
}

/// Accuracy of the covariance of noise: far below what any number of draws can tell.
pub(super) const NOISE_EPSILON: f64 = 1e-6;

/// Nodes in w for the samples of a channel, or why the request does not allow as many as the bound asks for.
pub(super) fn choose_nodes(
    setting: &Setting,
    samples: &ChannelSamples,
    freq_hz: f64,
) -> std::result::Result<Nodes, String> {
    let w: Vec<f64> = samples.uvw.iter().map(|c| c[2]).collect();
    let response: Vec<f64> = samples.response.iter().map(|r| r.abs()).collect();
    let most = setting.request.most_nodes;
    nodes::choose(&w, &response, setting.deepest(), setting.w_accuracy(), most).ok_or_else(|| {
        let epsilon = setting.request.epsilon;
        format!("the w term needs more than {most} nodes at {freq_hz} Hz for {epsilon:.1e} of the peak")
    })
}
