use crate::datasets::Split;
use crate::error::{Error, Result};
use crate::learn::data::draw::{Draw, shuffled};
use crate::learn::data::{Batch, Observation, SampleFacts, TrainingData, Turn};
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, s};
use std::ops::Range;

/// Which images a step sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchRequest {
    /// Of the order, turns and places.
    pub seed: u64,
    /// Number of the step, from 0.
    pub step: u64,
    /// Images of each domain.
    pub size: usize,
    /// Whether the truths are those of the mocks.
    pub paired: bool,
    /// Pixels of squares cut at random places; None: whole images.
    pub crop: Option<usize>,
    /// Whether images are mirrored at random.
    pub flips: bool,
    /// Whether images are turned at random.
    pub rotations: bool,
}

/// An image of a batch: which, and how it lies.
struct Chosen {
    sample: usize,
    turn: Turn,
    corner: [usize; 2],
}

impl TrainingData {
    /// Steps of a pass through the training split.
    pub fn steps_per_epoch(&self, size: usize) -> f64 {
        self.samples(Split::Train).len() as f64 / size as f64
    }

    /// The images of a step: a function of the request alone. Every epoch has an order of its own; unpaired, that of the
    /// truths is independent of that of the mocks.
    ///
    /// # Errors
    /// A crop larger than the images; rotations of images that are no squares; a damaged file.
    pub fn batch(&self, request: &BatchRequest, device: &Device) -> Result<Batch> {
        let size = self.cut(request)?;
        let train = self.samples(Split::Train);
        let count = train.len() as u64;
        let choose = |domain: u32, image: usize| {
            let place = request.step * request.size as u64 + image as u64;
            let sample = train[shuffled(place % count, count, request.seed, place / count, domain) as usize];
            let mut draw = Draw::new(request.seed, request.step, domain << 23 | image as u32);
            let turn = Turn::drawn(&mut draw, request.flips, request.rotations);
            let corner = [0, 1].map(|axis| draw.below(self.size[axis] - size[axis] + 1));
            Chosen { sample, turn, corner }
        };
        let a: Vec<Chosen> = (0..request.size).map(|image| choose(0, image)).collect();
        let b: Vec<Chosen> = match request.paired {
            true => Vec::new(),
            false => (0..request.size).map(|image| choose(1, image)).collect(),
        };
        let observation = match request.crop {
            // a part does not see what lies beside it
            Some(_) => None,
            None => self.observation(&a, device),
        };
        let mocks = self.tensor(&a, 0..self.a.len(), size, device)?;
        let of_b = if request.paired { &a } else { &b };
        let truths = self.tensor(of_b, self.a.len()..self.a.len() + self.b.len(), size, device)?;
        Ok(Batch { a: mocks, b: truths, observation })
    }

    /// These samples as they are, paired.
    ///
    /// # Errors
    /// A damaged file.
    pub fn fixed(&self, samples: &[usize], device: &Device) -> Result<Batch> {
        let chosen: Vec<Chosen> =
            samples.iter().map(|&sample| Chosen { sample, turn: Turn::NONE, corner: [0, 0] }).collect();
        let mocks = self.tensor(&chosen, 0..self.a.len(), self.size, device)?;
        let truths = self.tensor(&chosen, self.a.len()..self.a.len() + self.b.len(), self.size, device)?;
        Ok(Batch { a: mocks, b: truths, observation: self.observation(&chosen, device) })
    }

    /// Pixels of the images of a request.
    fn cut(&self, request: &BatchRequest) -> Result<[usize; 2]> {
        let [height, width] = self.size;
        if request.size == 0 || request.crop == Some(0) {
            return Err(Error::input("a step needs at least one image of at least one pixel")
                .found(format!("{} images, {:?}", request.size, request.crop)));
        }
        if request.rotations && height != width {
            return Err(Error::input("only squares can be turned by quarters")
                .found(format!("images of {width} x {height} pixels"))
                .hint("set train.rotations = false"));
        }
        match request.crop {
            None => Ok(self.size),
            Some(side) if side <= height && side <= width => Ok([side, side]),
            Some(side) => Err(Error::input("train.crop is larger than the images")
                .found(format!("{side} pixels"))
                .expected(format!("at most {}", height.min(width)))),
        }
    }

    fn tensor(
        &self,
        chosen: &[Chosen],
        channels: Range<usize>,
        size: [usize; 2],
        device: &Device,
    ) -> Result<Tensor<4>> {
        let shape = [chosen.len(), channels.len(), size[0], size[1]];
        let mut pixels = Array4::<f32>::zeros(shape);
        for (Chosen { sample, turn, corner }, mut image) in chosen.iter().zip(pixels.outer_iter_mut()) {
            let values = self.values(*sample, channels.clone())?;
            for (plane, mut part) in values.outer_iter().zip(image.outer_iter_mut()) {
                let window = s![corner[0]..corner[0] + size[0], corner[1]..corner[1] + size[1]];
                part.assign(&turn.view(plane).slice(window));
            }
        }
        Ok(Tensor::from_data(TensorData::new(pixels.into_raw_vec_and_offset().0, shape), device))
    }

    fn observation(&self, chosen: &[Chosen], device: &Device) -> Option<Observation> {
        let (height, width) = self.widest_psf()?.dim();
        let mut pixels: Vec<f32> = Vec::with_capacity(chosen.len() * height * width);
        for Chosen { turn, .. } in chosen {
            pixels.extend(self.psf_turned(*turn)?.iter());
        }
        let numbers = |of: &dyn Fn(&SampleFacts) -> f64| {
            let values: Vec<f32> = chosen.iter().map(|c| of(self.facts(c.sample)) as f32).collect();
            Tensor::from_data(TensorData::new(values, [chosen.len(), 1, 1, 1]), device)
        };
        Some(Observation {
            psf: Tensor::from_data(TensorData::new(pixels, [chosen.len(), 1, height, width]), device),
            jy_per_pixel_per_mk: numbers(&|f| f.jy_per_pixel_per_mk),
            noise_jy: numbers(&|f| f.noise_jy),
        })
    }
}
