//! Safetensors: named arrays in one file, the format that weights are exchanged in
//! (<https://huggingface.co/docs/safetensors>).

mod read;
mod write;

pub use read::read;
pub use write::write;

/// An array of float32 with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedTensor {
    /// Its name, unique in a file.
    pub name: String,
    /// Lengths of its axes, the last one contiguous; empty for one number.
    pub shape: Vec<usize>,
    /// Its numbers, as many as the shape says.
    pub values: Vec<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn tensors() -> Vec<NamedTensor> {
        let tensor = |name: &str, shape: &[usize], values: &[f32]| NamedTensor {
            name: name.to_string(),
            shape: shape.to_vec(),
            values: values.to_vec(),
        };
        vec![
            tensor("model.9.weight", &[2, 1, 2], &[1.5, -2.0, f32::MIN_POSITIVE, f32::MAX]),
            tensor("model.1.\"bias\"", &[], &[-0.0]),
            tensor("empty", &[0, 3], &[]),
        ]
    }

    fn metadata() -> BTreeMap<String, String> {
        [("step", "12"), ("card", "{\"a\": 1}"), ("z", "é")].map(|(k, v)| (k.to_string(), v.to_string())).into()
    }

    fn refused(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        std::fs::write(&path, bytes).unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("x.safetensors"), "{message}");
        message
    }

    #[test]
    fn what_is_written_is_read_bit_by_bit_and_written_the_same_again() {
        let folder = tempfile::tempdir().unwrap();
        let paths = [folder.path().join("a"), folder.path().join("b")];
        for path in &paths {
            write(path, &tensors(), &metadata()).unwrap();
        }
        let (back, told) = read(&paths[0]).unwrap();
        assert_eq!(back, tensors());
        assert!(back[1].values[0].is_sign_negative());
        assert_eq!(told, metadata());
        assert_eq!(std::fs::read(&paths[0]).unwrap(), std::fs::read(&paths[1]).unwrap());
        // numbers start at a multiple of 8 bytes, as the format asks for
        let bytes = std::fs::read(&paths[0]).unwrap();
        assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);
    }

    #[test]
    fn half_and_double_precision_are_read_as_float32() {
        let header = br#"{"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[4,6]},"d":{"dtype":"F64","shape":[1],"data_offsets":[6,14]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        // 1.5, -2^-24 (subnormal) in IEEE half precision; -3 in bfloat16; 0.1
        bytes.extend([0x00, 0x3e, 0x01, 0x80, 0x40, 0xc0]);
        bytes.extend(0.1f64.to_le_bytes());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, &bytes).unwrap();
        let (tensors, told) = read(&path).unwrap();
        let values: Vec<&[f32]> = tensors.iter().map(|t| &t.values[..]).collect();
        assert_eq!(values, [&[1.5, -(2f32.powi(-24))][..], &[-3.0], &[0.1]]);
        assert!(told.is_empty());
    }

    #[test]
    fn damaged_files_and_other_types_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, &tensors(), &metadata()).unwrap();
        let good = std::fs::read(&path).unwrap();
        for length in [0, 7, 8, 40, good.len() - 1] {
            assert!(refused(&good[..length]).contains("not a safetensors file"), "{length} bytes");
        }
        assert!(refused(b"PK\x03\x04 a pickle of PyTorch ...").contains("not a safetensors file"));
        let header = br#"{"n":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}"#;
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header);
        bytes.extend([0; 8]);
        assert!(refused(&bytes).contains("I64"));
        assert!(read(Path::new("/nowhere/x")).unwrap_err().to_string().contains("cannot read"));
    }

    #[test]
    fn tensors_that_no_reader_could_tell_apart_or_fill_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let mut twice = tensors();
        twice.push(twice[0].clone());
        assert!(write(&path, &twice, &metadata()).unwrap_err().to_string().contains("twice"));
        let mut short = tensors();
        short[0].values.pop();
        assert!(write(&path, &short, &metadata()).unwrap_err().to_string().contains("model.9.weight"));
        assert!(!path.exists());
    }
}
