use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// The tensors of a file in the order of their bytes, as float32, and its metadata.
///
/// # Errors
/// A file that cannot be read, is none of this format or damaged, or has tensors of other numbers than F16, BF16, F32
/// and F64.
pub fn read(path: &Path) -> Result<(Vec<NamedTensor>, BTreeMap<String, String>)> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let broken = |e: safetensors::SafeTensorError| {
        Error::input("this is not a safetensors file, or a damaged one")
            .found(e)
            .place(path.display())
            .hint("PyTorch's .pt and .pth become one by safetensors.torch.save_file(torch.load(..), ..)")
    };
    let file = SafeTensors::deserialize(&bytes).map_err(broken)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(broken)?;
    let tensors = header.offset_keys().into_iter().map(|name| {
        let view = file.tensor(&name).map_err(broken)?;
        let values = floats(&view).ok_or_else(|| {
            Error::input("a tensor has numbers of another type")
                .found(format!("{name} of {:?}", view.dtype()))
                .expected("F16, BF16, F32 or F64")
                .place(path.display())
        })?;
        Ok(NamedTensor { shape: view.shape().to_vec(), values, name })
    });
    let tensors = tensors.collect::<Result<_>>()?;
    let metadata = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect();
    Ok((tensors, metadata))
}

fn floats(view: &TensorView) -> Option<Vec<f32>> {
    let data = view.data();
    let two = |f: fn(u16) -> f32| data.as_chunks().0.iter().map(|&b| f(u16::from_le_bytes(b))).collect();
    Some(match view.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|&b| f32::from_le_bytes(b)).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b) as f32).collect(),
        Dtype::F16 => two(from_half),
        Dtype::BF16 => two(|bits| f32::from_bits(u32::from(bits) << 16)),
        _ => return None,
    })
}

/// IEEE 754 binary16 to float32, exactly.
fn from_half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff));
    sign * match exponent {
        0 => fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}
