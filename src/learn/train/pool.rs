use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use crate::learn::train::random::pool_draw;
use crate::learn::weights::values;
use burn::Tensor;
use burn::tensor::{Device, TensorData};

/// Former images of a generator for its discriminator (Shrivastava et al. 2017; 50 in CycleGAN): until it is full it keeps
/// what comes and gives it back; from then on half of the images come back as they are, and each of the others takes the
/// place of an image of the pool, which comes back instead.
#[derive(Debug, Clone)]
pub struct ImagePool {
    size: usize,
    seed: u64,
    number: u32,
    images: Vec<Tensor<4>>,
}

impl ImagePool {
    /// An empty pool of `size` images; 0 gives everything back. Pools of one seed are told apart by `number`, below 256.
    pub fn new(size: usize, seed: u64, number: u32) -> ImagePool {
        ImagePool { size, seed, number, images: Vec::new() }
    }

    /// What the discriminator sees in step `step` instead of `images` \[batch, channel, y, x\]: a function of the images
    /// that came before, the seed and the step.
    pub fn exchange(&mut self, step: u64, images: Tensor<4>) -> Tensor<4> {
        if self.size == 0 {
            return images;
        }
        let count = images.dims()[0];
        let given: Vec<Tensor<4>> = (0..count)
            .map(|i| {
                let image = images.clone().narrow(0, i, 1);
                if self.images.len() < self.size {
                    self.images.push(image.clone());
                    return image;
                }
                let [whether, which] = pool_draw(self.seed, self.number, step, i);
                if whether < 0.5 {
                    return image;
                }
                let which = ((which * self.size as f64) as usize).min(self.size - 1);
                std::mem::replace(&mut self.images[which], image)
            })
            .collect();
        Tensor::cat(given, 0)
    }

    /// Its images in their order.
    ///
    /// # Errors
    /// A device that does not give them.
    pub fn to_named(&self) -> Result<Vec<NamedTensor>> {
        let one = |(i, image): (usize, &Tensor<4>)| {
            let shape = image.dims().to_vec();
            Ok(NamedTensor { name: format!("image.{i:06}"), shape, values: values(image.clone())? })
        };
        self.images.iter().enumerate().map(one).collect()
    }

    /// Takes up the images of [`ImagePool::to_named`].
    ///
    /// # Errors
    /// More images than its size; tensors that are no images of a pool.
    pub fn restore(&mut self, tensors: &[NamedTensor], device: &Device) -> Result<()> {
        let refused = |found: String| Err(Error::input("these are not the images of this pool").found(found));
        if tensors.len() > self.size {
            return refused(format!("{} images for a pool of {}", tensors.len(), self.size));
        }
        let mut images = Vec::new();
        for (i, tensor) in tensors.iter().enumerate() {
            if tensor.name != format!("image.{i:06}") || tensor.shape.len() != 4 || tensor.shape[0] != 1 {
                return refused(tensor.name.clone());
            }
            images.push(Tensor::from_data(TensorData::new(tensor.values.clone(), tensor.shape.clone()), device));
        }
        self.images = images;
        Ok(())
    }
}
