//! `devices`: what models can be trained on.

use crate::error::Result;
use crate::learn::device::{DeviceChoice, check, gpus, pick};
use crate::run::Progress;
use std::fmt::Write;

/// Greatest difference from the CPU of a convolution and its gradients that float32 explains: 2e-5 is what the
/// gradients of a whole training step are held to (tests/learn_gradients.rs).
const AGREES: f64 = 2e-5;

/// A line a device: the word for `--device`, its name, whether a convolution forwards and backwards agrees with
/// the CPU's.
///
/// # Errors
/// Interruption; a device that fails is told in its line.
pub fn devices(progress: &dyn Progress) -> Result<String> {
    let cpu = pick(DeviceChoice::Cpu)?;
    let found = gpus();
    let watch = progress.stage("checking devices", 1 + found.len() as u64);
    let threads = rayon::current_num_threads();
    let mut text = format!("cpu    {threads} threads: {}\n", verdict(&cpu.device));
    watch.advance(1)?;
    for (number, gpu) in found.iter().enumerate() {
        let verdict = match (gpu.usable(), gpu.software) {
            (false, _) => "a program that acts as a GPU: not used".to_owned(),
            (true, true) => format!("a program that acts as a GPU: {}", verdict(&gpu.device)),
            (true, false) => verdict(&gpu.device),
        };
        let _ = writeln!(text, "gpu:{number}  {}: {verdict}", gpu.name);
        watch.advance(1)?;
    }
    let auto = pick(DeviceChoice::Auto)?;
    let _ = writeln!(text, "auto   is {}", auto.name);
    if let Some(warning) = auto.warning {
        progress.note(&warning);
    }
    Ok(text)
}

fn verdict(device: &burn::tensor::Device) -> String {
    match check(device) {
        Ok(difference) if difference <= AGREES => {
            format!("a convolution and its gradients agree with the CPU's within {difference:.1e} of their peak")
        }
        Ok(difference) => {
            format!("WRONG: a convolution or its gradients differ from the CPU's by {difference:.1e} of their peak")
        }
        Err(error) => format!("FAILED: {error}"),
    }
}
