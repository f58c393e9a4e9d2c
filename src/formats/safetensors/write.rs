use crate::error::{Error, Result};
use crate::formats::Staged;
use crate::formats::safetensors::NamedTensor;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

/// Writes `tensors` in their order, and `metadata` in that of its keys: the same bytes for the same contents, which the
/// safetensors crate does not promise (it takes the metadata from a hash map).
///
/// # Errors
/// Two tensors of one name; values that are more or fewer than the shape says; a file that cannot be written.
pub fn write(path: &Path, tensors: &[NamedTensor], metadata: &BTreeMap<String, String>) -> Result<()> {
    let mut header = Map::new();
    if !metadata.is_empty() {
        header.insert(METADATA.to_string(), json!(metadata));
    }
    let (mut offset, mut names) = (0, HashSet::new());
    for tensor in tensors {
        let refused = |problem: &str| Err(Error::input(problem).found(&tensor.name).place(path.display()));
        if tensor.name == METADATA || !names.insert(&tensor.name) {
            return refused("a tensor's name stands there twice, or is that of the metadata");
        }
        if tensor.shape.iter().product::<usize>() != tensor.values.len() {
            return refused("a tensor has not as many values as its shape says");
        }
        let end = offset + 4 * tensor.values.len();
        let entry = json!({"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, end]});
        header.insert(tensor.name.clone(), entry);
        offset = end;
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + text.len() + offset);
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text);
    for tensor in tensors {
        bytes.extend(tensor.values.iter().flat_map(|v| v.to_le_bytes()));
    }
    Staged::write_bytes(path, &bytes)
}

const METADATA: &str = "__metadata__";
