use super::*;
use crate::formats::safetensors::NamedTensor;
use crate::learn::settings::*;
use crate::learn::weights::{load_named, to_named, values};
use burn::Tensor;
use burn::module::Module;
use burn::tensor::{Device, TensorData};

const FIRST: Init = Init { kind: InitKind::Normal, gain: 0.02 };

fn generator() -> GeneratorSettings {
    GeneratorSettings {
        kind: GeneratorKind::Resnet { blocks: 2 },
        input: 2,
        output: 3,
        width: 4,
        norm: Norm::Instance,
        up: Upsampling::Transposed,
        end: End::Tanh,
        skip: false,
        dropout: 0.0,
    }
}

fn discriminator(kind: DiscriminatorKind) -> DiscriminatorSettings {
    DiscriminatorSettings { kind, input: 1, width: 4, norm: Norm::Instance, spectral: false }
}

fn image(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| (0.37 * i as f32 + 0.2 * (i % 7) as f32).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

fn names(module: &impl Module) -> Vec<String> {
    to_named(module).unwrap().into_iter().map(|t| t.name).collect()
}

fn shape_of(tensors: &[NamedTensor], name: &str) -> Vec<usize> {
    tensors.iter().find(|t| t.name == name).unwrap_or_else(|| panic!("no {name}")).shape.clone()
}

#[test]
fn the_papers_networks_have_the_papers_numbers_of_parameters_and_pytorchs_names() {
    let device = Device::flex();
    // PyTorch's published CycleGAN: 11.378 M parameters in the 9-block generator, 2.765 M in the 70 x 70 discriminator
    let settings = GeneratorSettings { kind: GeneratorKind::Resnet { blocks: 9 }, input: 3, width: 64, ..generator() };
    let network = Generator::new(&settings, &FIRST, 1, &device).unwrap();
    assert_eq!(network.num_params(), 11_378_179);
    let tensors = to_named(&network).unwrap();
    assert_eq!(tensors[0].name, "model.1.weight");
    assert_eq!(tensors[1].name, "model.1.bias");
    assert_eq!(shape_of(&tensors, "model.1.weight"), [64, 3, 7, 7]);
    assert_eq!(shape_of(&tensors, "model.18.conv_block.5.bias"), [256]);
    assert_eq!(shape_of(&tensors, "model.19.weight"), [256, 128, 3, 3]);
    assert_eq!(shape_of(&tensors, "model.26.weight"), [3, 64, 7, 7]);
    assert_eq!(tensors.len(), 2 * (3 + 18 + 2 + 1));
    let settings = DiscriminatorSettings { input: 3, width: 64, ..discriminator(DiscriminatorKind::Patch70) };
    let network = Discriminator::new(&settings, &FIRST, 1, &device).unwrap();
    assert_eq!(network.num_params(), 2_764_737);
    assert_eq!(shape_of(&to_named(&network).unwrap(), "model.11.weight"), [1, 512, 4, 4]);
}

#[test]
fn dropout_shifts_the_names_of_a_block_as_pytorchs_does_and_norms_have_theirs() {
    let device = Device::flex();
    let settings = GeneratorSettings { dropout: 0.5, norm: Norm::Group(2), ..generator() };
    let names = names(&Generator::new(&settings, &FIRST, 1, &device).unwrap());
    for name in ["model.10.conv_block.6.weight", "model.10.conv_block.7.bias", "model.2.weight"] {
        assert!(names.iter().any(|n| n == name), "no {name} among {names:?}");
    }
    let settings = GeneratorSettings { kind: GeneratorKind::AttentionUnet { depth: 3 }, ..generator() };
    let names = self::names(&Generator::new(&settings, &FIRST, 1, &device).unwrap());
    for name in ["model.down.1.1.weight", "model.up.0.1.bias", "model.gates.1.psi.weight"] {
        assert!(names.iter().any(|n| n == name), "no {name} among {names:?}");
    }
}

#[test]
fn first_weights_have_their_distribution_and_come_from_seed_and_name() {
    let device = Device::flex();
    let settings = GeneratorSettings { width: 32, norm: Norm::InstanceAffine, ..generator() };
    let of =
        |kind, gain, seed| to_named(&Generator::new(&settings, &Init { kind, gain }, seed, &device).unwrap()).unwrap();
    let spread = |tensors: &[NamedTensor], name: &str| {
        let values: Vec<f64> =
            tensors.iter().find(|t| t.name == name).unwrap().values.iter().map(|&v| f64::from(v)).collect();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance.sqrt(), values.len() as f64)
    };
    let inner = "model.10.conv_block.1.weight";
    let fan = (128 * 9) as f64;
    for (kind, gain, want) in [
        (InitKind::Normal, 0.02, 0.02),
        (InitKind::Xavier, 0.5, 0.5 * (2.0 / (2.0 * fan)).sqrt()),
        (InitKind::Kaiming, 1.0, (2.0 / fan).sqrt()),
    ] {
        let tensors = of(kind, gain, 7);
        let (mean, deviation, n) = spread(&tensors, inner);
        // five standard errors
        assert!(mean.abs() < 5.0 * want / n.sqrt(), "{kind:?}: mean {mean}");
        assert!((deviation / want - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{kind:?}: {deviation} instead of {want}");
        assert!(tensors.iter().filter(|t| t.name.ends_with("bias")).all(|t| t.values.iter().all(|&v| v == 0.0)));
        let (mean, deviation, _) = spread(&tensors, "model.10.conv_block.2.weight");
        assert!((mean - 1.0).abs() < 0.01 && (0.01..0.03).contains(&deviation), "scales {mean} +- {deviation}");
    }
    let (a, b, c) = (of(InitKind::Normal, 0.02, 7), of(InitKind::Normal, 0.02, 7), of(InitKind::Normal, 0.02, 8));
    assert_eq!(a, b);
    let at = a.iter().position(|t| t.name == inner).unwrap();
    assert_ne!(a[at].values, c[at].values);
    // the same shape under another name
    assert_ne!(a[at].values, a.iter().find(|t| t.name == "model.11.conv_block.1.weight").unwrap().values);
}

#[test]
fn images_of_any_size_keep_it() {
    let device = Device::flex();
    let kinds = [
        GeneratorKind::Resnet { blocks: 1 },
        GeneratorKind::Unet { depth: 4 },
        GeneratorKind::AttentionUnet { depth: 4 },
    ];
    for kind in kinds {
        for up in [Upsampling::Transposed, Upsampling::Resize] {
            let network = Generator::new(&GeneratorSettings { kind, up, ..generator() }, &FIRST, 3, &device).unwrap();
            for (height, width) in [(16, 32), (17, 30), (3, 50), (1, 1), (2, 5)] {
                let y = network.forward(image([2, 2, height, width], &device), None);
                assert_eq!(y.dims(), [2, 3, height, width], "{kind:?} {up:?}");
                assert!(values(y).unwrap().iter().all(|v| v.abs() <= 1.0));
            }
        }
    }
}

#[test]
fn padding_adds_the_reflection_behind_the_image() {
    let device = Device::flex();
    let row = Tensor::<1>::from_floats([1.0, 2.0, 3.0], &device).reshape([1, 1, 1, 3]);
    let enlarged = pad::enlarge(row, 2, 9);
    // 1 2 3 2 1 is what one reflection gives; its own reflection follows
    let want = [1.0f32, 2.0, 3.0, 2.0, 1.0, 2.0, 3.0, 2.0, 1.0];
    assert_eq!(values(enlarged).unwrap(), [want, want].concat());
}

#[test]
fn a_skip_adds_the_input_and_a_linear_end_has_no_bounds() {
    let device = Device::flex();
    let plain = GeneratorSettings { input: 2, output: 2, end: End::Linear, ..generator() };
    let skipping = GeneratorSettings { skip: true, ..plain.clone() };
    let x = image([1, 2, 18, 16], &device) * 5.0;
    let strong = Init { kind: InitKind::Normal, gain: 0.3 };
    let a = Generator::new(&plain, &strong, 3, &device).unwrap().forward(x.clone(), None);
    let b = Generator::new(&skipping, &strong, 3, &device).unwrap().forward(x.clone(), None);
    assert_eq!(values(a.clone() + x).unwrap(), values(b).unwrap());
    assert!(values(a).unwrap().iter().any(|v| v.abs() > 1.0));
}

#[test]
fn each_score_sees_its_patch_and_nothing_else() {
    let device = Device::flex().autodiff();
    let strong = Init { kind: InitKind::Normal, gain: 0.3 };
    for (kind, patch, side) in [
        (DiscriminatorKind::Pixel, 1, 8),
        (DiscriminatorKind::Patch16, 16, 48),
        (DiscriminatorKind::Patch70, 70, 160),
        (DiscriminatorKind::Patch286, 286, 448),
    ] {
        // a norm would make every score see the whole image
        let settings = DiscriminatorSettings { norm: Norm::None, ..discriminator(kind) };
        let network = Discriminator::new(&settings, &strong, 5, &device).unwrap();
        let x = image([1, 1, side, side], &device).require_grad();
        let scores = network.forward(x.clone());
        let [_, channels, height, width] = scores.dims();
        assert_eq!(channels, 1);
        let (middle, across) = (height / 2, width / 2);
        let one = scores.slice([0..1, 0..1, middle..middle + 1, across..across + 1]);
        let gradient = values(x.grad(&one.sum().backward()).unwrap()).unwrap();
        let rows: Vec<usize> =
            (0..side).filter(|y| gradient[y * side..(y + 1) * side].iter().any(|&g| g != 0.0)).collect();
        assert_eq!((rows.len(), rows[rows.len() - 1] - rows[0] + 1), (patch, patch), "{kind:?}");
    }
}

#[test]
fn the_smallest_image_of_a_discriminator_has_one_score() {
    let device = Device::flex();
    for (kind, side) in [
        (DiscriminatorKind::Pixel, 1),
        (DiscriminatorKind::Patch16, 6),
        (DiscriminatorKind::Patch70, 24),
        (DiscriminatorKind::Patch286, 96),
    ] {
        assert_eq!(kind.smallest_side(), side);
        let network = Discriminator::new(&discriminator(kind), &FIRST, 5, &device).unwrap();
        assert_eq!(network.forward(image([1, 1, side, side], &device)).dims(), [1, 1, 1, 1]);
    }
}

#[test]
fn dropout_depends_on_its_seed_alone_and_keeps_the_mean() {
    let device = Device::flex();
    let mask = |layer, seed| values(dropout::mask([3, 5, 40, 41], 0.3, layer, seed, &device)).unwrap();
    let first = mask(0, 9);
    assert_eq!(first, mask(0, 9));
    assert_ne!(first, mask(1, 9));
    assert_ne!(first, mask(0, 10));
    let n = first.len() as f64;
    let dropped = first.iter().filter(|&&v| v == 0.0).count() as f64 / n;
    assert!((dropped - 0.3).abs() < 5.0 * (0.3 * 0.7 / n).sqrt(), "{dropped} dropped");
    assert!(first.iter().all(|&v| v == 0.0 || (v - 1.0 / 0.7).abs() < 1e-6));
    for kind in [GeneratorKind::Resnet { blocks: 2 }, GeneratorKind::Unet { depth: 3 }] {
        let settings = GeneratorSettings { kind, dropout: 0.5, ..generator() };
        let network = Generator::new(&settings, &FIRST, 3, &device).unwrap();
        let run = |seed| values(network.forward(image([1, 2, 16, 16], &device), seed)).unwrap();
        assert_eq!(run(Some(1)), run(Some(1)), "{kind:?}");
        assert_ne!(run(Some(1)), run(Some(2)), "{kind:?}");
        assert_ne!(run(Some(1)), run(None), "{kind:?}");
    }
}

#[test]
fn the_spectral_norm_is_the_greatest_singular_value() {
    let device = Device::flex();
    let shape = [24, 6, 4, 4];
    let count = 24 * 96;
    let normal: Vec<f32> =
        (0..count as u32).map(|i| crate::math::random::normal_pair([i, 0, 0, 0], 3)[0] as f32).collect();
    let greatest = |values: &[f32]| {
        let matrix = nalgebra::DMatrix::from_row_slice(24, 96, values).map(f64::from);
        matrix.singular_values().max()
    };
    // random weights: the first singular values lie close together, the estimate is a little below
    let weight = Tensor::from_data(TensorData::new(normal.clone(), shape), &device);
    let norm = greatest(&values(spectral::normalised(weight)).unwrap());
    assert!((1.0 - 1e-6..1.05).contains(&norm), "{norm}");
    // weights of which one direction stands out: exact to rounding
    let strong: Vec<f32> = normal
        .iter()
        .enumerate()
        .map(|(i, v)| v + 2.0 * ((i / 96) as f32).cos() * (0.3 * (i % 96) as f32).sin())
        .collect();
    let weight = Tensor::from_data(TensorData::new(strong, shape), &device);
    let norm = greatest(&values(spectral::normalised(weight)).unwrap());
    assert!((norm - 1.0).abs() < 2e-6, "{norm}");
    let nothing = values(spectral::normalised(Tensor::zeros(shape, &device))).unwrap();
    assert!(nothing.iter().all(|&v| v == 0.0));
}

#[test]
fn settings_without_a_network_are_refused() {
    let device = Device::flex();
    let refused = |settings: GeneratorSettings, words: &str| {
        let message = Generator::new(&settings, &FIRST, 1, &device).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    };
    refused(GeneratorSettings { input: 0, ..generator() }, "input channels");
    refused(GeneratorSettings { width: 0, ..generator() }, "width");
    refused(GeneratorSettings { skip: true, ..generator() }, "adds its input");
    refused(GeneratorSettings { dropout: 1.0, ..generator() }, "dropout");
    refused(GeneratorSettings { dropout: f64::NAN, ..generator() }, "dropout");
    refused(GeneratorSettings { norm: Norm::Group(3), ..generator() }, "groups");
    refused(GeneratorSettings { norm: Norm::Group(0), ..generator() }, "groups");
    refused(GeneratorSettings { kind: GeneratorKind::Resnet { blocks: 0 }, ..generator() }, "blocks");
    for depth in [0, 1, 13] {
        refused(GeneratorSettings { kind: GeneratorKind::Unet { depth }, ..generator() }, "halvings");
    }
    let settings = DiscriminatorSettings { input: 0, ..discriminator(DiscriminatorKind::Pixel) };
    assert!(Discriminator::new(&settings, &FIRST, 1, &device).is_err());
}

#[test]
fn weights_go_from_one_network_to_another_and_keep_their_identity() {
    let device = Device::flex().autodiff();
    let new = |seed| Generator::new(&generator(), &FIRST, seed, &device).unwrap();
    let (a, b) = (to_named(&new(1)).unwrap(), new(2));
    let mut shuffled = a.clone();
    shuffled.reverse();
    let loaded = load_named(b.clone(), &shuffled).unwrap();
    assert_eq!(to_named(&loaded).unwrap(), a);
    let x = image([1, 2, 8, 8], &device);
    assert_eq!(values(loaded.forward(x.clone(), None)).unwrap(), values(new(1).forward(x.clone(), None)).unwrap());
    // still trained, and an optimiser knows it again
    let gradients = loaded.forward(x, None).square().sum().backward();
    assert_eq!(burn::optim::GradientsParams::from_grads(gradients, &loaded).len(), a.len());
    assert_eq!(burn::module::list_param_ids(&loaded), burn::module::list_param_ids(&b));
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let device = Device::flex();
    let network = Generator::new(&generator(), &FIRST, 1, &device).unwrap();
    let good = to_named(&network).unwrap();
    let refused = |tensors: &[NamedTensor]| load_named(network.clone(), tensors).unwrap_err().to_string();
    assert!(refused(&good[1..]).contains("model.1.weight is missing"));
    let mut surplus = good.clone();
    surplus.push(NamedTensor { name: "model.99.weight".into(), ..good[0].clone() });
    assert!(refused(&surplus).contains("model.99.weight is none of the network's"));
    let mut twice = good.clone();
    twice.push(good[0].clone());
    assert!(refused(&twice).contains("model.1.weight stands there twice"));
    let mut turned = good.clone();
    turned[0].shape.swap(0, 1);
    assert!(refused(&turned).contains("model.1.weight has shape [2, 4, 7, 7] instead of [4, 2, 7, 7]"));
    assert!(refused(&[]).contains("and 15 more"));
}

/// A lazy parameter is shared by clones, and freezing the clone would freeze the original (burn 0.22.1).
#[test]
fn a_frozen_clone_leaves_the_discriminator_trainable() {
    use burn::optim::{AdamConfig, GradientsParams};
    let device = Device::flex().autodiff();
    let settings = DiscriminatorSettings { spectral: true, ..discriminator(DiscriminatorKind::Patch16) };
    let network = Discriminator::new(&settings, &FIRST, 1, &device).unwrap();
    let maker = Generator::new(&GeneratorSettings { input: 1, output: 1, ..generator() }, &FIRST, 2, &device).unwrap();
    let x = image([1, 1, 16, 16], &device);
    // the generator's step, before the discriminator was ever used
    let frozen = network.clone().no_grad();
    let fake = maker.forward(x.clone(), None);
    let gradients = Adversarial::Lsgan.generator(frozen.forward(fake.clone())).backward();
    assert_eq!(GradientsParams::from_grads(gradients, &maker).len(), to_named(&maker).unwrap().len());
    // the discriminator's
    let loss = Adversarial::Lsgan.discriminator(network.forward(x), network.forward(fake.detach()));
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let before = to_named(&network).unwrap();
    assert_eq!(gradients.len(), before.len());
    let mut adam = AdamConfig::new().with_epsilon(1e-8).init();
    let after = to_named(&adam.step(0.01, network, gradients)).unwrap();
    for (old, new) in before.iter().zip(&after) {
        assert_ne!(old.values, new.values, "{} did not move", old.name);
    }
    assert_eq!(to_named(&frozen).unwrap(), before);
}
