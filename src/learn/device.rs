//! Where tensors live: the CPU (burn's flex) or a GPU (feature `wgpu`: Vulkan, Metal, WebGPU; feature `cuda`).

use crate::error::{Error, Result};
use crate::learn::sums::sum;
use burn::tensor::{Device, Tensor, TensorData};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What the user asks for: `auto`, `cpu`, `gpu`, `gpu:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU, or the CPU where there is none; never a GPU that is only software.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU of this number of [`gpus`].
    Gpu(usize),
}

impl DeviceChoice {
    /// Reads its word.
    ///
    /// # Errors
    /// Another word.
    pub fn parse(word: &str) -> Result<DeviceChoice> {
        let refuse = || {
            Error::input("there is no such device")
                .found(format!("\"{word}\""))
                .expected("auto, cpu, gpu, or gpu:N with N from `skyfringe devices`")
        };
        match word {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "gpu" => Ok(DeviceChoice::Gpu(0)),
            _ => {
                let number = word.strip_prefix("gpu:").ok_or_else(refuse)?;
                number.parse().map(DeviceChoice::Gpu).map_err(|_| refuse())
            }
        }
    }
}

/// A GPU that this program reaches.
#[derive(Debug, Clone)]
pub struct Gpu {
    /// Its handle, without automatic differentiation.
    pub device: Device,
    /// As it names itself.
    pub name: String,
    /// Whether it is a program that acts as a GPU (lavapipe), slower than the CPU itself.
    pub software: bool,
}

impl Gpu {
    /// Whether it can be computed on. The compiler of a software driver (Mesa 22.3 and 25.0) dies, and the process with
    /// it, of kernels that burn fuses and tries out, so programs with these two leave such drivers alone.
    pub fn usable(&self) -> bool {
        !(self.software && cfg!(any(feature = "tuned", feature = "cuda")))
    }
}

/// A device to compute on and what it is called.
#[derive(Debug, Clone)]
pub struct Picked {
    /// Its handle, without automatic differentiation ([`Device::autodiff`] adds that).
    pub device: Device,
    /// `cpu`, or the GPU's number and name.
    pub name: String,
    /// What the user should know: that `auto` found no GPU, or that this one is software.
    pub warning: Option<String>,
    /// Whether it is a GPU in software. Products of matrices kill its compiler, and the process with it (Mesa 25.0).
    pub software: bool,
}

/// The GPUs that this program reaches, software ones last; empty where it was built without GPU support or
/// no driver is found.
pub fn gpus() -> Vec<Gpu> {
    let mut all: Vec<Gpu> = found()
        .into_iter()
        .filter_map(|device| {
            // opening a device is where a broken driver shows
            let identity = caught(|| device.identity_of()).ok()??;
            Some(Gpu { name: identity.0, software: identity.1, device })
        })
        .collect();
    all.sort_by_key(|gpu| gpu.software);
    all
}

/// The device of a choice.
///
/// # Errors
/// A GPU that is not there; software where kernels are tuned ([`usable`]).
pub fn pick(choice: DeviceChoice) -> Result<Picked> {
    let cpu = |warning| Picked { device: Device::flex(), name: "cpu".into(), warning, software: false };
    let of_gpu = |number: usize, gpu: &Gpu| {
        let name = format!("gpu:{number} ({})", gpu.name);
        if !gpu.usable() {
            return Err(Error::input("this GPU is a program that acts as one, and cannot be used")
                .found(name)
                .hint("--device cpu is faster than it in any case"));
        }
        let warning = gpu.software.then(|| format!("{name} is a program that acts as a GPU: --device cpu is faster"));
        Ok(Picked { device: gpu.device.clone(), name, warning, software: gpu.software })
    };
    match choice {
        DeviceChoice::Cpu => Ok(cpu(None)),
        DeviceChoice::Auto => {
            let all = gpus();
            match all.iter().position(|gpu| !gpu.software) {
                Some(number) => of_gpu(number, &all[number]),
                None => Ok(cpu(Some(format!("no GPU was found ({}): computing on the CPU", why_none())))),
            }
        }
        DeviceChoice::Gpu(number) => {
            let all = gpus();
            all.get(number).map(|gpu| of_gpu(number, gpu)).unwrap_or_else(|| {
                Err(Error::input("this GPU is not there")
                    .found(match all.len() {
                        0 => format!("no GPU ({})", why_none()),
                        n => format!("{n} of them, numbers 0 to {}", n - 1),
                    })
                    .expected(format!("gpu:{number}"))
                    .hint("`skyfringe devices` lists what there is; --device cpu works everywhere"))
            })
        }
    }
}

/// Greatest difference of a convolution's outputs and gradients between `device` and the CPU, each over the
/// greatest value on the CPU: what a working device keeps below 1e-4 in float32.
///
/// # Errors
/// A device that fails at it.
pub fn check(device: &Device) -> Result<f64> {
    let expected = convolution(&Device::flex());
    let found = caught(|| convolution(device)).map_err(|why| {
        Error::input("the device failed at a convolution").found(why).hint("update its driver, or use --device cpu")
    })?;
    let difference = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let peak = a.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let worst = a.iter().zip(b).fold(0.0f32, |m, (x, y)| if y.is_nan() { f32::NAN } else { m.max((x - y).abs()) });
        f64::from(worst / peak)
    };
    Ok(expected.iter().zip(&found).map(difference).fold(0.0, |m, d| if d.is_nan() { f64::INFINITY } else { d.max(m) }))
}

/// A strided convolution of fixed numbers: its output, and gradients of input and weights.
fn convolution(device: &Device) -> [Vec<f32>; 3] {
    let device = device.clone().autodiff();
    let numbers = |shape: [usize; 4], step: f32| {
        let values: Vec<f32> = (0..shape.iter().product()).map(|i| (i as f32 * step).sin()).collect();
        Tensor::<4>::from_data(TensorData::new(values, shape), &device).require_grad()
    };
    let (x, w) = (numbers([2, 3, 17, 16], 0.37), numbers([5, 3, 3, 3], 0.73));
    let options = burn::tensor::ops::ConvOptions::new([2, 2], [1, 1], [1, 1], 1);
    let y = burn::tensor::module::conv2d(x.clone(), w.clone(), None, options);
    let gradients = sum(y.clone() * y.clone()).backward();
    let values = |t: Tensor<4>| t.into_data().convert::<f32>().try_to_vec::<f32>().unwrap_or_default();
    let of = |t: &Tensor<4>| t.grad(&gradients).map(values).unwrap_or_default();
    [values(y), of(&x), of(&w)]
}

/// Runs `work`; what a device's libraries panic at becomes an error.
///
/// # Errors
/// A panic.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T> {
    caught(work).map_err(|why| {
        Error::input("the device failed")
            .found(why)
            .hint("`skyfringe devices` checks each; less memory is needed with a smaller train.batch; --device cpu works everywhere")
    })
}

/// Runs `work`, and gives a panic's words as an error: graphics drivers and what stands on them panic where they
/// find something missing.
fn caught<T>(work: impl FnOnce() -> T) -> std::result::Result<T, String> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let done = catch_unwind(AssertUnwindSafe(work));
    std::panic::set_hook(hook);
    done.map_err(|why| match (why.downcast_ref::<String>(), why.downcast_ref::<&str>()) {
        (Some(text), _) => text.clone(),
        (None, Some(text)) => (*text).to_owned(),
        (None, None) => "a failure without words".to_owned(),
    })
}

/// Name, and whether it is software, of a device that is not the CPU.
trait Identify {
    fn identity_of(&self) -> Option<(String, bool)>;
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
impl Identify for Device {
    fn identity_of(&self) -> Option<(String, bool)> {
        self.identity().map(|identity| (identity.name, identity.physical.is_none()))
    }
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
impl Identify for Device {
    fn identity_of(&self) -> Option<(String, bool)> {
        None
    }
}

/// Handles of all GPUs, unopened.
fn found() -> Vec<Device> {
    #[allow(unused_mut)]
    let mut all: Vec<Device> = Vec::new();
    #[cfg(feature = "cuda")]
    all.extend(caught(|| Device::enumerate(burn::tensor::DeviceType::Cuda)).into_iter().flatten());
    #[cfg(all(feature = "wgpu", target_os = "macos"))]
    all.extend(caught(|| Device::enumerate(burn::tensor::DeviceType::Wgpu)).into_iter().flatten());
    #[cfg(all(feature = "wgpu", not(target_os = "macos")))]
    all.extend(caught(|| Device::enumerate(burn::tensor::DeviceType::Vulkan)).into_iter().flatten());
    all
}

/// Why there may be none.
fn why_none() -> &'static str {
    if cfg!(any(feature = "wgpu", feature = "cuda")) {
        "no driver answered; Vulkan needs libvulkan.so.1 and the card's driver"
    } else {
        "this program was built without GPU support, which `make gpu` builds"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let parse = |w| DeviceChoice::parse(w).ok();
        assert_eq!(parse("auto"), Some(DeviceChoice::Auto));
        assert_eq!(parse("cpu"), Some(DeviceChoice::Cpu));
        assert_eq!(parse("gpu"), Some(DeviceChoice::Gpu(0)));
        assert_eq!(parse("gpu:3"), Some(DeviceChoice::Gpu(3)));
        for bad in ["gpu:", "gpu:x", "gpu:-1", "cuda", ""] {
            assert!(DeviceChoice::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_cpu_agrees_with_itself_and_an_absent_gpu_is_an_error() {
        assert_eq!(check(&pick(DeviceChoice::Cpu).unwrap().device).unwrap(), 0.0);
        let error = pick(DeviceChoice::Gpu(999)).unwrap_err().to_string();
        assert!(error.contains("gpu:999") && error.contains("skyfringe devices"), "{error}");
    }

    /// Runs on what is there: nothing without the feature.
    #[test]
    fn every_gpu_agrees_with_the_cpu_or_is_refused() {
        for (number, gpu) in gpus().into_iter().enumerate() {
            if !gpu.usable() {
                let error = pick(DeviceChoice::Gpu(number)).unwrap_err().to_string();
                assert!(error.contains("acts as one") && error.contains(&gpu.name), "{error}");
                continue;
            }
            assert_eq!(pick(DeviceChoice::Gpu(number)).unwrap().warning.is_some(), gpu.software);
            let difference = check(&gpu.device).unwrap();
            assert!(difference < 1e-5, "{}: {difference}", gpu.name);
        }
        // software is never what `auto` takes
        let auto = pick(DeviceChoice::Auto).unwrap();
        assert_eq!(auto.name == "cpu", gpus().iter().all(|gpu| gpu.software));
    }

    #[test]
    fn a_panic_becomes_words() {
        assert_eq!(caught(|| -> u8 { panic!("no adapter {}", 1) }).unwrap_err(), "no adapter 1");
        assert_eq!(caught(|| 3).unwrap(), 3);
    }
}
