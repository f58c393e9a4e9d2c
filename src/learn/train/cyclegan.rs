use crate::error::Result;
use crate::formats::safetensors::NamedTensor;
use crate::learn::data::Batch;
use crate::learn::networks::{Discriminator, Generator};
use crate::learn::settings::{DiscriminatorSettings, LossSettings};
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

/// CycleGAN (Zhu et al. 2017): mock <-> truth without pairs.
#[derive(Debug)]
pub struct CycleGan {
    setting: Setting,
    to_truth: Generator,
    to_mock: Generator,
    judge_mock: Discriminator,
    judge_truth: Discriminator,
    generators: Optimiser,
    discriminators: Optimiser,
    pool_mock: ImagePool,
    pool_truth: ImagePool,
    averages: Option<[Ema<Generator>; 2]>,
}

/// What half of a generators' step, one piece of one direction, gives.
struct Half {
    gradients: Flat,
    losses: StepLosses,
    fake: Tensor<4>,
}

impl CycleGan {
    /// Networks with first weights, before the first step.
    ///
    /// # Errors
    /// Settings that no network has.
    pub fn new(setting: Setting, device: &Device) -> Result<CycleGan> {
        let Setting { generator, discriminator, init, seed, pool, .. } = &setting;
        let back = generator.reversed();
        let judge = |channels: usize, which: u32| {
            let settings = DiscriminatorSettings { input: channels, ..discriminator.clone() };
            Discriminator::new(&settings, init, step_seed(*seed, 0, which), device)
        };
        let to_truth = Generator::new(generator, init, step_seed(*seed, 0, 0), device)?;
        let to_mock = Generator::new(&back, init, step_seed(*seed, 0, 1), device)?;
        let (judge_mock, judge_truth) = (judge(generator.input, 2)?, judge(generator.output, 3)?);
        let (generators, discriminators) = (Optimiser::new(setting.optimiser), Optimiser::new(setting.optimiser));
        let (pool_mock, pool_truth) = (ImagePool::new(*pool, *seed, 0), ImagePool::new(*pool, *seed, 1));
        let averages = setting.optimiser.ema.map(|decay| [Ema::new(&to_truth, decay), Ema::new(&to_mock, decay)]);
        Ok(CycleGan {
            setting,
            to_truth,
            to_mock,
            judge_mock,
            judge_truth,
            generators,
            discriminators,
            pool_mock,
            pool_truth,
            averages,
        })
    }

    /// One step, `step` counted from 0: generators, then discriminators.
    pub fn step(&mut self, step: u64, batch: &Batch, rates: Rates) -> StepLosses {
        let pieces = self.setting.pieces.of(batch);
        let mut jobs: Vec<Job<Half>> = Vec::new();
        for (number, (share, piece)) in pieces.iter().enumerate() {
            let (this, first) = (&*self, 4 + 6 * number as u32);
            let seeds = |skip: u32| [0, 1, 2].map(|what| step_seed(this.setting.seed, step, first + skip + what));
            let (there, back) = (seeds(0), seeds(3));
            jobs.push(Box::new(move || this.there(*share, piece, there)));
            jobs.push(Box::new(move || this.back(*share, piece, back)));
        }
        let halves = jobs::run(jobs, self.setting.pieces.threads);
        let (mut slopes, mut losses) = (Flat::new(), StepLosses::default());
        let (mut fake_truths, mut fake_mocks) = (Vec::new(), Vec::new());
        // in the order of the pieces, whatever thread had them
        for (number, half) in halves.into_iter().enumerate() {
            add(&mut slopes, half.gradients);
            losses.append(half.losses);
            if number % 2 == 0 { fake_truths.push(half.fake) } else { fake_mocks.push(half.fake) }
        }
        self.generators.limit(&mut slopes);
        let count = step + 1;
        self.to_truth = self.generators.update(&self.to_truth, TO_TRUTH, &mut slopes, rates.generators, count);
        self.to_mock = self.generators.update(&self.to_mock, TO_MOCK, &mut slopes, rates.generators, count);

        let fake_truth = self.pool_truth.exchange(step, Tensor::cat(fake_truths, 0));
        let fake_mock = self.pool_mock.exchange(step, Tensor::cat(fake_mocks, 0));
        let mut jobs: Vec<Job<(Flat, StepLosses)>> = Vec::new();
        let mut start = 0;
        for (share, piece) in &pieces {
            let count = piece.a.dims()[0];
            let fakes = [&fake_mock, &fake_truth].map(|f| f.clone().narrow(0, start, count));
            start += count;
            let [fake_mock, fake_truth] = fakes;
            let (setting, judge_mock, judge_truth) = (&self.setting, &self.judge_mock, &self.judge_truth);
            let (real_mock, real_truth) = (piece.a.clone(), piece.b.clone());
            jobs.push(Box::new(move || {
                setting.judgement(judge_mock, JUDGE_MOCK, "discriminator_mock", *share, real_mock, fake_mock)
            }));
            jobs.push(Box::new(move || {
                setting.judgement(judge_truth, JUDGE_TRUTH, "discriminator_truth", *share, real_truth, fake_truth)
            }));
        }
        let mut slopes = Flat::new();
        for (some, of) in jobs::run(jobs, self.setting.pieces.threads) {
            add(&mut slopes, some);
            losses.append(of);
        }
        self.discriminators.limit(&mut slopes);
        let rate = rates.discriminators;
        self.judge_mock = self.discriminators.update(&self.judge_mock, JUDGE_MOCK, &mut slopes, rate, count);
        self.judge_truth = self.discriminators.update(&self.judge_truth, JUDGE_TRUTH, &mut slopes, rate, count);
        if let Some([to_truth, to_mock]) = &mut self.averages {
            to_truth.update(&self.to_truth, count);
            to_mock.update(&self.to_mock, count);
        }
        losses
    }

    /// From mocks to truths and back.
    fn there(&self, share: f64, piece: &Batch, seeds: [u64; 3]) -> Half {
        let Setting { precision, loss, .. } = &self.setting;
        let (there, back) = (precision.graph(&self.to_truth), precision.graph(&self.to_mock));
        let judge = precision.constants(&self.judge_truth);
        let mut losses = StepLosses::default();
        let fake = precision.generate(&there, piece.a.clone(), Some(seeds[0]));
        let mut total = self.shared(&judge, &fake, "generator_truth", share, &mut losses);
        let cycled = precision.generate(&back, fake.clone(), Some(seeds[1]));
        total = total + self.cycle("cycle_mock", cycled, &piece.a, share, &mut losses);
        if loss.identity > 0.0 {
            let same = precision.generate(&back, piece.a.clone(), Some(seeds[2]));
            total = total + self.identity("identity_mock", same, &piece.a, share, &mut losses);
        }
        if let Some(more) = self.setting.physics.against_mock(&fake, piece, share, &mut losses) {
            total = total + more;
        }
        finished(total * share, &there, &back, fake, losses)
    }

    /// From truths to mocks and back.
    fn back(&self, share: f64, piece: &Batch, seeds: [u64; 3]) -> Half {
        let Setting { precision, loss, .. } = &self.setting;
        let (there, back) = (precision.graph(&self.to_truth), precision.graph(&self.to_mock));
        let judge = precision.constants(&self.judge_mock);
        let mut losses = StepLosses::default();
        let fake = precision.generate(&back, piece.b.clone(), Some(seeds[0]));
        let mut total = self.shared(&judge, &fake, "generator_mock", share, &mut losses);
        let cycled = precision.generate(&there, fake.clone(), Some(seeds[1]));
        total = total + self.cycle("cycle_truth", cycled.clone(), &piece.b, share, &mut losses);
        if loss.identity > 0.0 {
            let same = precision.generate(&there, piece.b.clone(), Some(seeds[2]));
            total = total + self.identity("identity_truth", same, &piece.b, share, &mut losses);
        }
        if let Some(more) = self.setting.physics.against_truth(&cycled, &piece.b, share, &mut losses) {
            total = total + more;
        }
        finished(total * share, &there, &back, fake, losses)
    }

    fn shared(
        &self,
        judge: &Discriminator,
        fake: &Tensor<4>,
        name: &'static str,
        share: f64,
        losses: &mut StepLosses,
    ) -> Tensor<1> {
        let Setting { precision, loss, .. } = &self.setting;
        let adversarial = loss.adversarial.generator(precision.judge(judge, fake.clone()));
        losses.add(name, adversarial.clone() * share);
        adversarial * loss.adversarial_weight
    }

    fn cycle(
        &self,
        name: &'static str,
        got: Tensor<4>,
        want: &Tensor<4>,
        share: f64,
        losses: &mut StepLosses,
    ) -> Tensor<1> {
        weighted(name, got, want, self.setting.loss.cycle, share, losses)
    }

    fn identity(
        &self,
        name: &'static str,
        got: Tensor<4>,
        want: &Tensor<4>,
        share: f64,
        losses: &mut StepLosses,
    ) -> Tensor<1> {
        let LossSettings { cycle, identity, .. } = self.setting.loss;
        weighted(name, got, want, cycle * identity, share, losses)
    }

    /// The generators as they translate.
    pub fn made(&self) -> Made {
        match &self.averages {
            Some([to_truth, to_mock]) => {
                Made { to_truth: to_truth.network().clone(), to_mock: Some(to_mock.network().clone()) }
            }
            None => Made { to_truth: self.to_truth.valid(), to_mock: Some(self.to_mock.valid()) },
        }
    }

    /// All that the next step depends on, by file.
    ///
    /// # Errors
    /// A device that does not give it.
    pub fn state(&self) -> Result<BTreeMap<String, Vec<NamedTensor>>> {
        let mut files = BTreeMap::new();
        to_file(&mut files, TO_TRUTH, to_named(&self.to_truth)?);
        to_file(&mut files, TO_MOCK, to_named(&self.to_mock)?);
        to_file(&mut files, JUDGE_MOCK, to_named(&self.judge_mock)?);
        to_file(&mut files, JUDGE_TRUTH, to_named(&self.judge_truth)?);
        to_file(&mut files, "adam-generators", self.generators.to_named()?);
        to_file(&mut files, "adam-discriminators", self.discriminators.to_named()?);
        to_file(&mut files, "pool-mock", self.pool_mock.to_named()?);
        to_file(&mut files, "pool-truth", self.pool_truth.to_named()?);
        if let Some([to_truth, to_mock]) = &self.averages {
            to_file(&mut files, "average-mock-to-truth", to_named(to_truth.network())?);
            to_file(&mut files, "average-truth-to-mock", to_named(to_mock.network())?);
        }
        Ok(files)
    }

    /// Takes up a [`CycleGan::state`].
    ///
    /// # Errors
    /// That of other networks, moments or pools, or one without some of it.
    pub fn restore(&mut self, files: &BTreeMap<String, Vec<NamedTensor>>, device: &Device) -> Result<()> {
        self.to_truth = restored(files, TO_TRUTH, &self.to_truth)?;
        self.to_mock = restored(files, TO_MOCK, &self.to_mock)?;
        self.judge_mock = restored(files, JUDGE_MOCK, &self.judge_mock)?;
        self.judge_truth = restored(files, JUDGE_TRUTH, &self.judge_truth)?;
        let mut of_generators = sizes(&self.to_truth, TO_TRUTH);
        of_generators.extend(sizes(&self.to_mock, TO_MOCK));
        self.generators.restore(file(files, "adam-generators")?, of_generators, device)?;
        let mut of_judges = sizes(&self.judge_mock, JUDGE_MOCK);
        of_judges.extend(sizes(&self.judge_truth, JUDGE_TRUTH));
        self.discriminators.restore(file(files, "adam-discriminators")?, of_judges, device)?;
        self.pool_mock.restore(file(files, "pool-mock")?, device)?;
        self.pool_truth.restore(file(files, "pool-truth")?, device)?;
        if let Some([to_truth, to_mock]) = &mut self.averages {
            to_truth.set(restored(files, "average-mock-to-truth", to_truth.network())?);
            to_mock.set(restored(files, "average-truth-to-mock", to_mock.network())?);
        }
        Ok(())
    }
}

const TO_TRUTH: &str = "mock-to-truth";
const TO_MOCK: &str = "truth-to-mock";
const JUDGE_MOCK: &str = "judge-mock";
const JUDGE_TRUTH: &str = "judge-truth";

/// The mean of |got - want|, weighted; without its weight into `losses`.
fn weighted(
    name: &'static str,
    got: Tensor<4>,
    want: &Tensor<4>,
    weight: f64,
    share: f64,
    losses: &mut StepLosses,
) -> Tensor<1> {
    let loss = mean((got - want.clone()).abs());
    losses.add(name, loss.clone() * share);
    loss * weight
}

fn finished(total: Tensor<1>, there: &Generator, back: &Generator, fake: Tensor<4>, losses: StepLosses) -> Half {
    let mut found = total.backward();
    let mut slopes = prefixed(gradients(there, &mut found), TO_TRUTH);
    slopes.extend(prefixed(gradients(back, &mut found), TO_MOCK));
    Half { gradients: slopes, losses, fake: fake.inner() }
}
