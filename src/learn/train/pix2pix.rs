use crate::error::Result;
use crate::formats::safetensors::NamedTensor;
use crate::learn::data::Batch;
use crate::learn::networks::{Discriminator, Generator};
use crate::learn::settings::DiscriminatorSettings;
use crate::learn::sums::mean;
use crate::learn::train::ema::Ema;
use crate::learn::train::flat::{Flat, add, gradients, prefixed};
use crate::learn::train::jobs::{self, Job};
use crate::learn::train::losses::StepLosses;
use crate::learn::train::model::{Made, Rates, Setting, file, restored, to_file};
use crate::learn::train::optimiser::{Optimiser, sizes};
use crate::learn::train::pool::ImagePool;
use crate::learn::train::random::step_seed;
use crate::learn::weights::to_named;
use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use std::collections::BTreeMap;

/// pix2pix (Isola et al. 2017): mock to truth, with pairs; the discriminator sees the mock beside the truth.
#[derive(Debug)]
pub struct Pix2Pix {
    setting: Setting,
    to_truth: Generator,
    judge: Discriminator,
    generators: Optimiser,
    discriminators: Optimiser,
    pool: ImagePool,
    average: Option<Ema<Generator>>,
}

impl Pix2Pix {
    /// Networks with first weights, before the first step.
    ///
    /// # Errors
    /// Settings that no network has.
    pub fn new(setting: Setting, device: &Device) -> Result<Pix2Pix> {
        let Setting { generator, discriminator, init, seed, .. } = &setting;
        let pair = DiscriminatorSettings { input: generator.input + generator.output, ..discriminator.clone() };
        let to_truth = Generator::new(generator, init, step_seed(*seed, 0, 0), device)?;
        let judge = Discriminator::new(&pair, init, step_seed(*seed, 0, 2), device)?;
        let (generators, discriminators) = (Optimiser::new(setting.optimiser), Optimiser::new(setting.optimiser));
        let pool = ImagePool::new(setting.pool, *seed, 0);
        let average = setting.optimiser.ema.map(|decay| Ema::new(&to_truth, decay));
        Ok(Pix2Pix { setting, to_truth, judge, generators, discriminators, pool, average })
    }

    /// One step, `step` counted from 0: generator, then discriminator.
    pub fn step(&mut self, step: u64, batch: &Batch, rates: Rates) -> StepLosses {
        let pieces = self.setting.pieces.of(batch);
        let mut jobs: Vec<Job<(Flat, StepLosses, Tensor<4>)>> = Vec::new();
        for (number, (share, piece)) in pieces.iter().enumerate() {
            let (seed, this) = (step_seed(self.setting.seed, step, 4 + number as u32), &*self);
            jobs.push(Box::new(move || this.generated(*share, piece, seed)));
        }
        let (mut slopes, mut losses, mut fakes) = (Flat::new(), StepLosses::default(), Vec::new());
        // in the order of the pieces, whatever thread had them
        for (some, of, fake) in jobs::run(jobs, self.setting.pieces.threads) {
            add(&mut slopes, some);
            losses.append(of);
            fakes.push(fake);
        }
        self.generators.limit(&mut slopes);
        let count = step + 1;
        self.to_truth = self.generators.update(&self.to_truth, TO_TRUTH, &mut slopes, rates.generators, count);
        if self.setting.loss.adversarial_weight > 0.0 {
            let fakes = self.pool.exchange(step, Tensor::cat(vec![batch.a.clone(), Tensor::cat(fakes, 0)], 1));
            losses.append(self.judged(count, rates.discriminators, &pieces, fakes));
        }
        if let Some(average) = &mut self.average {
            average.update(&self.to_truth, count);
        }
        losses
    }

    /// A piece of the generator's half of a step: gradients, losses, translations.
    fn generated(&self, share: f64, piece: &Batch, seed: u64) -> (Flat, StepLosses, Tensor<4>) {
        let Setting { precision, loss, physics, .. } = &self.setting;
        let network = precision.graph(&self.to_truth);
        let mut losses = StepLosses::default();
        let fake = precision.generate(&network, piece.a.clone(), Some(seed));
        let l1 = mean((fake.clone() - piece.b.clone()).abs());
        losses.add("l1", l1.clone() * share);
        let mut total = l1 * loss.l1;
        if loss.adversarial_weight > 0.0 {
            let judge = precision.constants(&self.judge);
            let pair = Tensor::cat(vec![piece.a.clone(), fake.clone()], 1);
            let adversarial = loss.adversarial.generator(precision.judge(&judge, pair));
            losses.add("generator_truth", adversarial.clone() * share);
            total = total + adversarial * loss.adversarial_weight;
        }
        let against_truth = physics.against_truth(&fake, &piece.b, share, &mut losses);
        let against_mock = physics.against_mock(&fake, piece, share, &mut losses);
        for more in [against_truth, against_mock].into_iter().flatten() {
            total = total + more;
        }
        let mut found = (total * share).backward();
        (prefixed(gradients(&network, &mut found), TO_TRUTH), losses, fake.inner())
    }

    /// The discriminator's half of step `count`: `fakes` are mocks beside translations.
    fn judged(&mut self, count: u64, rate: f64, pieces: &[(f64, Batch)], fakes: Tensor<4>) -> StepLosses {
        let mut jobs: Vec<Job<(Flat, StepLosses)>> = Vec::new();
        let mut start = 0;
        for (share, piece) in pieces {
            let images = piece.a.dims()[0];
            let fake = fakes.clone().narrow(0, start, images);
            start += images;
            let real = Tensor::cat(vec![piece.a.clone(), piece.b.clone()], 1);
            let (setting, judge) = (&self.setting, &self.judge);
            jobs.push(Box::new(move || setting.judgement(judge, JUDGE, "discriminator_truth", *share, real, fake)));
        }
        let (mut slopes, mut losses) = (Flat::new(), StepLosses::default());
        for (some, of) in jobs::run(jobs, self.setting.pieces.threads) {
            add(&mut slopes, some);
            losses.append(of);
        }
        self.discriminators.limit(&mut slopes);
        self.judge = self.discriminators.update(&self.judge, JUDGE, &mut slopes, rate, count);
        losses
    }

    /// The generator as it translates.
    pub fn made(&self) -> Made {
        let to_truth = match &self.average {
            Some(average) => average.network().clone(),
            None => self.to_truth.valid(),
        };
        Made { to_truth, to_mock: None }
    }

    /// All that the next step depends on, by file.
    ///
    /// # Errors
    /// A device that does not give it.
    pub fn state(&self) -> Result<BTreeMap<String, Vec<NamedTensor>>> {
        let mut files = BTreeMap::new();
        to_file(&mut files, TO_TRUTH, to_named(&self.to_truth)?);
        to_file(&mut files, JUDGE, to_named(&self.judge)?);
        to_file(&mut files, "adam-generators", self.generators.to_named()?);
        to_file(&mut files, "adam-discriminators", self.discriminators.to_named()?);
        to_file(&mut files, "pool", self.pool.to_named()?);
        if let Some(average) = &self.average {
            to_file(&mut files, "average-mock-to-truth", to_named(average.network())?);
        }
        Ok(files)
    }

    /// Takes up a [`Pix2Pix::state`].
    ///
    /// # Errors
    /// That of other networks, moments or pools, or one without some of it.
    pub fn restore(&mut self, files: &BTreeMap<String, Vec<NamedTensor>>, device: &Device) -> Result<()> {
        self.to_truth = restored(files, TO_TRUTH, &self.to_truth)?;
        self.judge = restored(files, JUDGE, &self.judge)?;
        self.generators.restore(file(files, "adam-generators")?, sizes(&self.to_truth, TO_TRUTH), device)?;
        self.discriminators.restore(file(files, "adam-discriminators")?, sizes(&self.judge, JUDGE), device)?;
        self.pool.restore(file(files, "pool")?, device)?;
        if let Some(average) = &mut self.average {
            average.set(restored(files, "average-mock-to-truth", average.network())?);
        }
        Ok(())
    }
}

const TO_TRUTH: &str = "mock-to-truth";
const JUDGE: &str = "judge-truth";
