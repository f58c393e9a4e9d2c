//! Steps as a whole: resumed ones are bitwise the same, pieces and threads do not matter, discriminators move.

use super::*;
use crate::learn::data::Batch;
use crate::learn::settings::*;
use crate::learn::weights::values as numbers;
use burn::tensor::{Device, Tensor, TensorData};
use std::collections::BTreeMap;

fn setting(kind: ModelKind, pieces: Pieces) -> Setting {
    let generator = GeneratorSettings {
        kind: GeneratorKind::Resnet { blocks: 1 },
        input: 1,
        output: 1,
        width: 4,
        norm: Norm::Instance,
        up: Upsampling::Transposed,
        end: End::Tanh,
        skip: false,
        dropout: 0.0,
    };
    let discriminator = DiscriminatorSettings {
        kind: DiscriminatorKind::Patch16,
        input: 1,
        width: 4,
        norm: Norm::Instance,
        spectral: false,
    };
    let loss = LossSettings {
        adversarial: Adversarial::Lsgan,
        adversarial_weight: 1.0,
        cycle: 10.0,
        identity: 0.5,
        l1: 100.0,
        flux: 0.0,
        power: 0.0,
        instrument: 0.0,
    };
    let loss = match kind {
        ModelKind::CycleGan => LossSettings { l1: 0.0, ..loss },
        ModelKind::Pix2Pix => LossSettings { cycle: 0.0, identity: 0.0, ..loss },
    };
    let optimiser = OptimiserSettings {
        rate: 2e-3,
        discriminator_rate: 2e-3,
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-8,
        clip: Some(1.0),
        ema: Some(0.99),
    };
    let physics = Physics::new(&loss, [16, 16], &[], &[], &Device::flex()).unwrap();
    Setting {
        generator,
        discriminator,
        init: Init { kind: InitKind::Normal, gain: 0.02 },
        seed: 7,
        pool: 3,
        optimiser,
        loss,
        physics,
        precision: Precision::Float32,
        pieces,
    }
}

/// Images of a step: waves that depend on its number.
fn batch(step: u64) -> Batch {
    let images = |phase: f32| {
        let wave = |i: usize| ((i as f32 * 0.37 + step as f32) * phase).sin() * 0.5;
        let data = TensorData::new((0..3 * 256).map(wave).collect::<Vec<f32>>(), [3, 1, 16, 16]);
        Tensor::<4>::from_data(data, &Device::flex())
    };
    Batch::plain(images(1.0), images(0.61))
}

const RATES: Rates = Rates { generators: 2e-3, discriminators: 2e-3 };
const ONE: Pieces = Pieces { images: 2, threads: 1 };

fn trained(kind: ModelKind, pieces: Pieces, steps: std::ops::Range<u64>, from: Option<State>) -> (State, Vec<Losses>) {
    let device = Device::flex();
    let mut setting = setting(kind, pieces);
    // its masks are drawn for each piece
    if pieces.images == ONE.images {
        setting.generator.dropout = 0.25;
    }
    let mut training = Training::new(kind, setting, &device).unwrap();
    if let Some(state) = from {
        training.restore(&state, &device).unwrap();
    }
    let losses = steps.map(|step| training.step(step, &batch(step), RATES).read().unwrap()).collect();
    (training.state().unwrap(), losses)
}

type State = BTreeMap<String, Vec<crate::formats::safetensors::NamedTensor>>;
type Losses = BTreeMap<String, f64>;

#[test]
fn a_resumed_training_is_bitwise_the_same_whatever_the_threads() {
    for kind in [ModelKind::CycleGan, ModelKind::Pix2Pix] {
        let (want, losses) = trained(kind, ONE, 0..5, None);
        let (half, first) = trained(kind, Pieces { threads: 3, ..ONE }, 0..2, None);
        let (got, second) = trained(kind, ONE, 2..5, Some(half));
        assert!(got == want, "{kind:?}");
        assert_eq!([first, second].concat(), losses);
        assert!(losses.iter().flatten().all(|(_, v)| v.is_finite()));
    }
}

/// A whole batch and its pieces differ by rounding alone: first gradients by way of Adam's first moments.
#[test]
fn pieces_give_the_gradients_of_the_whole() {
    for kind in [ModelKind::CycleGan, ModelKind::Pix2Pix] {
        let moments = |pieces| {
            let (state, losses) = trained(kind, pieces, 0..1, None);
            let one =
                |file: &str| state[file].iter().filter(|t| t.name.starts_with("first.")).cloned().collect::<Vec<_>>();
            ([one("adam-generators"), one("adam-discriminators")].concat(), losses)
        };
        let (whole, whole_losses) = moments(Pieces::WHOLE);
        let (pieces, piece_losses) = moments(Pieces { images: 1, threads: 2 });
        for (name, value) in &whole_losses[0] {
            assert!((value - piece_losses[0][name]).abs() <= 1e-5 * value.abs(), "{kind:?} {name}");
        }
        let largest = whole.iter().flat_map(|t| &t.values).fold(0.0f32, |m, v| m.max(v.abs()));
        for (a, b) in whole.iter().zip(&pieces) {
            let worst = a.values.iter().zip(&b.values).fold(0.0f32, |m, (x, y)| m.max((x - y).abs()));
            assert!(a.name == b.name && worst <= 1e-5 * largest, "{kind:?} {}: {worst} of {largest}", a.name);
        }
    }
}

#[test]
fn every_network_moves_and_averages_follow() {
    for (kind, networks) in [
        (ModelKind::CycleGan, vec!["mock-to-truth", "truth-to-mock", "judge-mock", "judge-truth"]),
        (ModelKind::Pix2Pix, vec!["mock-to-truth", "judge-truth"]),
    ] {
        let (before, _) = trained(kind, ONE, 0..0, None);
        let (after, _) = trained(kind, ONE, 0..2, None);
        for name in networks {
            let moved = before[name].iter().zip(&after[name]).all(|(a, b)| {
                // kernels before a norm and all others; a bias before a norm has no gradient but rounding
                a.name.ends_with("bias") || a.values != b.values
            });
            assert!(moved, "{kind:?}: {name} stands still");
        }
        assert_ne!(after["average-mock-to-truth"], after["mock-to-truth"]);
        assert_ne!(after["average-mock-to-truth"], before["average-mock-to-truth"]);
    }
}

#[test]
fn a_state_of_another_model_is_refused() {
    let (state, _) = trained(ModelKind::Pix2Pix, Pieces::WHOLE, 0..1, None);
    let device = Device::flex();
    let refused = |setting: Setting, kind, state: &State| {
        Training::new(kind, setting, &device).unwrap().restore(state, &device).unwrap_err().to_string()
    };
    let text = refused(setting(ModelKind::CycleGan, ONE), ModelKind::CycleGan, &state);
    assert!(text.contains("truth-to-mock.safetensors"), "{text}");
    let mut wider = setting(ModelKind::Pix2Pix, ONE);
    wider.generator.width = 5;
    let text = refused(wider, ModelKind::Pix2Pix, &state);
    assert!(text.contains("mock-to-truth.safetensors") && text.contains("model.1.weight"), "{text}");
    let mut other = state.clone();
    other.get_mut("adam-generators").unwrap()[0].values.push(0.0);
    other.get_mut("adam-generators").unwrap()[0].shape[0] += 1;
    let text = refused(setting(ModelKind::Pix2Pix, ONE), ModelKind::Pix2Pix, &other);
    assert!(text.contains("moments"), "{text}");
}

/// Against the formula in float64: three steps of one weight.
#[test]
fn adam_is_that_of_its_paper() {
    let device = Device::flex();
    let settings = setting(ModelKind::Pix2Pix, ONE).optimiser;
    let network = crate::learn::networks::Discriminator::new(
        &setting(ModelKind::Pix2Pix, ONE).discriminator,
        &Init { kind: InitKind::Normal, gain: 0.02 },
        1,
        &device.clone().autodiff(),
    )
    .unwrap();
    let name = values(&network).into_keys().next().unwrap();
    let of = |network: &crate::learn::networks::Discriminator| numbers(values(network).remove(&name).unwrap()).unwrap();
    let (mut adam, mut network, slopes) = (Adam::new(settings), network, [0.3f64, -0.1, 0.02]);
    let mut want = f64::from(of(&network)[0]);
    let (mut first, mut second) = (0.0, 0.0);
    for (step, slope) in slopes.into_iter().enumerate() {
        let count = of(&network).len();
        let gradient = Tensor::<1>::from_data(TensorData::new(vec![slope as f32; count], [count]), &device);
        let mut gradients = BTreeMap::from([(format!("n.{name}"), gradient)]);
        network = adam.update(network, "n", &mut gradients, 1e-3, step as u64 + 1);
        first = 0.5 * first + 0.5 * slope;
        second = 0.999 * second + 0.001 * slope * slope;
        let t = step as i32 + 1;
        want -= 1e-3 * (first / (1.0 - 0.5f64.powi(t))) / ((second / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
        let got = f64::from(of(&network)[0]);
        assert!((got - want).abs() < 1e-8, "step {t}: {got} instead of {want}");
    }
}

#[test]
fn gradients_are_limited_together() {
    let vector = |values: &[f32]| Tensor::<1>::from_floats(values, &Device::flex());
    let mut slopes = BTreeMap::from([("a".to_owned(), vector(&[3.0])), ("b".to_owned(), vector(&[0.0, 4.0]))]);
    let norm = clip_by_norm(&mut slopes, 2.5).unwrap();
    assert!((numbers(norm).unwrap()[0] - 5.0).abs() < 1e-6);
    assert!((numbers(slopes["b"].clone()).unwrap()[1] - 2.0).abs() < 1e-5);
    clip_by_norm(&mut slopes, 100.0);
    assert!((numbers(slopes["a"].clone()).unwrap()[0] - 1.5).abs() < 1e-5);
}
