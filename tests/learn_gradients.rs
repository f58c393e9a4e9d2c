//! Networks and one full CycleGAN step against PyTorch with the same weights (scripts/learn_fixtures.py; float64).
#![cfg(feature = "learn")]

use burn::Tensor;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, TensorData};
use skyfringe::formats::safetensors::{self, NamedTensor};
use skyfringe::learn::device::{Gpu, gpus};
use skyfringe::learn::networks::{Discriminator, Generator};
use skyfringe::learn::settings::*;
use skyfringe::learn::sums::{mean, sum};
use skyfringe::learn::weights::{self, Path, load_named};
use std::collections::BTreeMap;

/// Greatest difference of a tensor's values over its greatest value.
const TOLERANCE: f64 = 2e-5;

const FIRST: Init = Init { kind: InitKind::Normal, gain: 0.02 };

/// Where the tests run: the CPU and every GPU.
fn devices() -> Vec<Device> {
    devices_with(|_| true)
}

/// The CPU and those GPUs that are usable and as `wanted`.
fn devices_with(as_wanted: impl Fn(&Gpu) -> bool) -> Vec<Device> {
    let gpus: Vec<_> = gpus().into_iter().filter(Gpu::usable).collect();
    // CI, which builds with a GPU's backend and installs a driver in software, says that there must be one
    let wanted = std::env::var_os("SKYFRINGE_REQUIRE_GPU").is_some();
    assert!(!wanted || !gpus.is_empty(), "no GPU was found, not even lavapipe");
    std::iter::once(Device::flex())
        .chain(gpus.into_iter().filter(as_wanted).map(|gpu| gpu.device))
        .map(Device::autodiff)
        .collect()
}

/// The tensors of a fixture by name.
struct Fixture(BTreeMap<String, NamedTensor>);

impl Fixture {
    fn read(name: &str) -> Fixture {
        let path = format!("{}/tests/data/learn/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let (tensors, _) = safetensors::read(path.as_ref()).unwrap();
        Fixture(tensors.into_iter().map(|t| (t.name.clone(), t)).collect())
    }

    fn image(&self, name: &str, device: &Device) -> Tensor<4> {
        let t = &self.0[name];
        Tensor::from_data(TensorData::new(t.values.clone(), t.shape.clone()), device)
    }

    /// Those whose name begins with `prefix`, without it.
    fn under(&self, prefix: &str) -> Vec<NamedTensor> {
        let named = self.0.iter().filter_map(|(name, t)| Some((name.strip_prefix(prefix)?, t)));
        named.map(|(name, t)| NamedTensor { name: name.to_string(), ..t.clone() }).collect()
    }

    /// Whether `got` are the gradients of this fixture under `prefix`, no more and no fewer.
    fn agree(&self, prefix: &str, got: &BTreeMap<String, Vec<f32>>) {
        let want: BTreeMap<String, Vec<f32>> = self.under(prefix).into_iter().map(|t| (t.name, t.values)).collect();
        assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>(), "{prefix}");
        for (name, want_values) in &want {
            let mut scale = greatest(want_values);
            // A bias before an instance norm has no gradient, only rounding errors: they are measured by the gradient of
            // the kernel beside it.
            if let Some(layer) = name.strip_suffix("bias") {
                let kernel = greatest(&want[&format!("{layer}weight")]);
                if scale < 1e-9 * kernel {
                    scale = kernel;
                }
            }
            close(&format!("{prefix}{name}"), &got[name], want_values, scale);
        }
    }
}

fn greatest(values: &[f32]) -> f64 {
    values.iter().fold(0.0, |m, v| f64::max(m, f64::from(v.abs())))
}

fn close(name: &str, got: &[f32], want: &[f32], scale: f64) {
    assert_eq!(got.len(), want.len(), "{name}");
    let worst = got.iter().zip(want).fold(0.0, |m: f64, (a, b)| m.max((f64::from(*a) - f64::from(*b)).abs()));
    // a NaN is no agreement
    assert!(
        got.iter().all(|v| v.is_finite()) && worst <= TOLERANCE * scale,
        "{name}: {:.1e} of {scale}",
        worst / scale
    );
}

/// Gradients of a network's parameters by name.
fn gradients_of<M: Module>(network: &M, gradients: &Gradients) -> BTreeMap<String, Vec<f32>> {
    struct Reader<'a> {
        gradients: &'a Gradients,
        path: Path,
        out: BTreeMap<String, Vec<f32>>,
    }
    impl ModuleVisitor for Reader<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, name: &str, container: &str) {
            self.path.exit(name, container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.gradients) {
                self.out.insert(self.path.name(), weights::values(gradient).unwrap());
            }
        }
    }
    let mut reader = Reader { gradients, path: Path::default(), out: BTreeMap::new() };
    network.visit(&mut reader);
    reader.out
}

fn generator(kind: GeneratorKind, input: usize, output: usize, width: usize) -> GeneratorSettings {
    GeneratorSettings {
        kind,
        input,
        output,
        width,
        norm: Norm::Instance,
        up: Upsampling::Transposed,
        end: End::Tanh,
        skip: false,
        dropout: 0.0,
    }
}

fn discriminator(kind: DiscriminatorKind, input: usize, width: usize) -> DiscriminatorSettings {
    DiscriminatorSettings { kind, input, width, norm: Norm::Instance, spectral: false }
}

#[test]
fn a_full_cyclegan_step_has_pytorchs_losses_and_gradients() {
    devices().into_iter().for_each(a_full_step_agrees);
}

fn a_full_step_agrees(device: Device) {
    let fixture = Fixture::read("cyclegan-step");
    let maker = |key: &str| {
        let settings = generator(GeneratorKind::Resnet { blocks: 2 }, 1, 1, 8);
        let network = Generator::new(&settings, &FIRST, 1, &device).unwrap();
        load_named(network, &fixture.under(&format!("g_{key}.weights."))).unwrap()
    };
    let judge = |key: &str| {
        let network = Discriminator::new(&discriminator(DiscriminatorKind::Patch70, 1, 4), &FIRST, 1, &device).unwrap();
        load_named(network, &fixture.under(&format!("d_{key}.weights."))).unwrap()
    };
    let (g_ab, g_ba, d_a, d_b) = (maker("ab"), maker("ba"), judge("a"), judge("b"));
    let (a, b) = (fixture.image("a", &device), fixture.image("b", &device));
    let l1 = |x: Tensor<4>, y: &Tensor<4>| mean((x - y.clone()).abs());

    let (frozen_a, frozen_b) = (d_a.clone().no_grad(), d_b.clone().no_grad());
    let (fake_b, fake_a) = (g_ab.forward(a.clone(), None), g_ba.forward(b.clone(), None));
    let loss = Adversarial::Lsgan;
    let adversarial =
        loss.generator(frozen_b.forward(fake_b.clone())) + loss.generator(frozen_a.forward(fake_a.clone()));
    let cycle = l1(g_ba.forward(fake_b.clone(), None), &a) + l1(g_ab.forward(fake_a.clone(), None), &b);
    let identity = l1(g_ba.forward(a.clone(), None), &a) + l1(g_ab.forward(b.clone(), None), &b);
    let loss_g = adversarial + cycle * 10.0 + identity * 5.0;
    let gradients = loss_g.backward();
    assert!(gradients_of(&frozen_a, &gradients).is_empty());
    fixture.agree("g_ab.gradients.", &gradients_of(&g_ab, &gradients));
    fixture.agree("g_ba.gradients.", &gradients_of(&g_ba, &gradients));

    let half = |d: &Discriminator, real: Tensor<4>, fake: Tensor<4>| {
        loss.discriminator(d.forward(real), d.forward(fake.detach()))
    };
    let loss_d = half(&d_a, a, fake_a) + half(&d_b, b, fake_b);
    let gradients = loss_d.backward();
    fixture.agree("d_a.gradients.", &gradients_of(&d_a, &gradients));
    fixture.agree("d_b.gradients.", &gradients_of(&d_b, &gradients));

    for (name, value) in [("loss.g", loss_g), ("loss.d", loss_d)] {
        let want = &fixture.0[name].values;
        close(name, &weights::values(value).unwrap(), want, greatest(want));
    }
}

/// Output and gradients of sum(y cos(0, 1, 2, ..)) of one case of the fixture.
fn network_agrees<M: Module>(
    fixture: &Fixture,
    case: &str,
    network: M,
    device: &Device,
    forward: impl Fn(&M, Tensor<4>) -> Tensor<4>,
) {
    let x = fixture.image(&format!("{case}.x"), device).require_grad();
    let y = forward(&network, x.clone());
    let want = &fixture.0[&format!("{case}.y")];
    assert_eq!(y.dims().to_vec(), want.shape, "{case}");
    close(case, &weights::values(y.clone()).unwrap(), &want.values, greatest(&want.values));
    let pattern: Vec<f32> = (0..want.values.len()).map(|i| (i as f64).cos() as f32).collect();
    let loss = y * Tensor::from_data(TensorData::new(pattern, want.shape.clone()), device);
    let loss = sum(loss);
    let gradients = loss.backward();
    let mut got = gradients_of(&network, &gradients);
    got.insert("x".into(), weights::values(x.grad(&gradients).unwrap()).unwrap());
    fixture.agree(&format!("{case}.gradients."), &got);
}

#[test]
fn generators_have_pytorchs_values_and_gradients() {
    let (devices, fixture) = (devices(), Fixture::read("networks"));
    let resnet = |input, output, width| generator(GeneratorKind::Resnet { blocks: 1 }, input, output, width);
    let unet = |input, depth| generator(GeneratorKind::Unet { depth }, input, 1, 2);
    let cases = [
        ("resnet-resize", GeneratorSettings { up: Upsampling::Resize, ..resnet(2, 1, 2) }),
        ("resnet-affine", GeneratorSettings { norm: Norm::InstanceAffine, ..resnet(1, 1, 2) }),
        ("resnet-group", GeneratorSettings { norm: Norm::Group(2), ..resnet(1, 1, 4) }),
        ("resnet-none", GeneratorSettings { norm: Norm::None, ..resnet(1, 1, 2) }),
        ("unet", unet(2, 4)),
        ("unet-resize", GeneratorSettings { up: Upsampling::Resize, ..unet(1, 3) }),
        ("attention", generator(GeneratorKind::AttentionUnet { depth: 4 }, 1, 1, 2)),
    ];
    for ((case, settings), device) in cases.iter().flat_map(|case| devices.iter().map(move |device| (case, device))) {
        let network = Generator::new(settings, &FIRST, 1, device).unwrap();
        let network = load_named(network, &fixture.under(&format!("{case}.weights."))).unwrap();
        network_agrees(&fixture, case, network, device, |network, x| network.forward(x, None));
    }
}

#[test]
fn discriminators_have_pytorchs_values_and_gradients() {
    let fixture = Fixture::read("networks");
    let spectral =
        DiscriminatorSettings { norm: Norm::None, spectral: true, ..discriminator(DiscriminatorKind::Patch70, 1, 2) };
    let cases = [
        ("pixel", discriminator(DiscriminatorKind::Pixel, 2, 4)),
        ("patch16", discriminator(DiscriminatorKind::Patch16, 1, 4)),
        ("patch70", discriminator(DiscriminatorKind::Patch70, 1, 2)),
        ("patch286", discriminator(DiscriminatorKind::Patch286, 1, 2)),
        ("patch70-spectral", spectral),
    ];
    for (case, settings) in cases {
        // products of matrices kill a driver in software
        for device in devices_with(|gpu| !(gpu.software && settings.spectral)) {
            let network = Discriminator::new(&settings, &FIRST, 1, &device).unwrap();
            let network = load_named(network, &fixture.under(&format!("{case}.weights."))).unwrap();
            network_agrees(&fixture, case, network, &device, |network, x| network.forward(x));
        }
    }
}

#[test]
fn a_state_dict_with_the_names_of_the_published_weights_loads_as_it_is() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/learn/pytorch-resnet.safetensors");
    let (tensors, _) = safetensors::read(path.as_ref()).unwrap();
    assert!(tensors.iter().any(|t| t.name == "model.10.conv_block.1.weight"));
    let settings = generator(GeneratorKind::Resnet { blocks: 1 }, 1, 2, 2);
    let device = Device::flex().autodiff();
    let network = load_named(Generator::new(&settings, &FIRST, 1, &device).unwrap(), &tensors).unwrap();
    let fixture = Fixture::read("networks");
    network_agrees(&fixture, "resnet", network, &device, |network, x| network.forward(x, None));
    // the 2-block network of the same width has layers that this file does not fill
    let larger = generator(GeneratorKind::Resnet { blocks: 2 }, 1, 2, 2);
    let refused = load_named(Generator::new(&larger, &FIRST, 1, &device).unwrap(), &tensors).unwrap_err().to_string();
    assert!(refused.contains("model.11"), "{refused}");
}
