use burn::Tensor;

/// Images of a step, on a device without automatic differentiation.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Mocks, network values \[batch, channel, y, x\].
    pub a: Tensor<4>,
    /// Truths, likewise; of the same samples where they are paired.
    pub b: Tensor<4>,
    /// How the mocks were observed; None where the data set has no PSF.
    pub observation: Option<Observation>,
}

/// How the mocks of a batch were observed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// Point spread functions of the images' size or twice it, peak 1 in pixel (n/2, n/2) of their own n, turned as the
    /// mocks are \[batch, 1, n, n\].
    pub psf: Tensor<4>,
    /// Flux density of 1 mK in a pixel, Jy \[batch, 1, 1, 1\].
    pub jy_per_pixel_per_mk: Tensor<4>,
    /// Thermal noise, Jy/beam \[batch, 1, 1, 1\].
    pub noise_jy: Tensor<4>,
}

impl Batch {
    /// Images without what is known of their observation.
    pub fn plain(a: Tensor<4>, b: Tensor<4>) -> Batch {
        Batch { a, b, observation: None }
    }

    /// `count` of its images from `start` on.
    pub fn narrow(&self, start: usize, count: usize) -> Batch {
        let part = |t: &Tensor<4>| t.clone().narrow(0, start, count);
        let observation = self.observation.as_ref().map(|o| Observation {
            psf: part(&o.psf),
            jy_per_pixel_per_mk: part(&o.jy_per_pixel_per_mk),
            noise_jy: part(&o.noise_jy),
        });
        Batch { a: part(&self.a), b: part(&self.b), observation }
    }
}
