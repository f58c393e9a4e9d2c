//! The parameters of a network by name, as PyTorch's `state_dict` has them.

use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::TensorData;
use std::collections::BTreeMap;

/// What burn calls the variants of enums when it walks through them.
const ENUM: &str = "Enum:";

/// Where a walk through a network stands: names of fields and places in lists, without the variants of enums, so that a
/// network that has another kind of layer in a place keeps the place's name.
///
/// ```
/// # use skyfringe::learn::weights::Path;
/// let mut path = Path::default();
/// path.enter("model", "Struct:Resnet");
/// path.enter("Conv", "Enum:Layer");
/// path.enter("weight", "Struct:Conv");
/// assert_eq!(path.name(), "model.weight");
/// ```
#[derive(Debug, Clone, Default)]
pub struct Path {
    parts: Vec<String>,
}

impl Path {
    /// To be called by a visitor's or mapper's `enter_module`.
    pub fn enter(&mut self, name: &str, container: &str) {
        if !container.starts_with(ENUM) {
            self.parts.push(name.to_string());
        }
    }

    /// To be called by its `exit_module`.
    pub fn exit(&mut self, _name: &str, container: &str) {
        if !container.starts_with(ENUM) {
            self.parts.pop();
        }
    }

    /// The dotted name of the parameter that is visited now.
    pub fn name(&self) -> String {
        self.parts.join(".")
    }
}

/// The parameters of a network, in the order of its layers.
///
/// # Errors
/// A device that does not give its values.
pub fn to_named<M: Module>(network: &M) -> Result<Vec<NamedTensor>> {
    let mut reader = Reader { path: Path::default(), tensors: Vec::new(), failed: None };
    network.visit(&mut reader);
    match reader.failed {
        Some(failed) => Err(failed),
        None => Ok(reader.tensors),
    }
}

struct Reader {
    path: Path,
    tensors: Vec<NamedTensor>,
    failed: Option<Error>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.name();
        let shape = param.dims().to_vec();
        match values(param.val()) {
            Ok(values) => self.tensors.push(NamedTensor { name, shape, values }),
            Err(e) => {
                self.failed.get_or_insert(e.place(format!("parameter {name}")));
            }
        }
    }
}

/// The values of a tensor on the host, in float32.
///
/// # Errors
/// A device that does not give them.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |e: String| Error::input("the device does not give the values of a tensor").found(e);
    let data = tensor.try_into_data().map_err(|e| failed(e.to_string()))?;
    data.convert::<f32>().try_into_vec::<f32>().map_err(|e| failed(format!("{e:?}")))
}

/// The network with the values of `tensors`, which must hold each of its parameters, in any order, and nothing else.
///
/// # Errors
/// Missing, surplus or doubled names and other shapes, all of them named.
pub fn load_named<M: Module>(network: M, tensors: &[NamedTensor]) -> Result<M> {
    let mut given = BTreeMap::new();
    let mut problems = Vec::new();
    for tensor in tensors {
        if given.insert(tensor.name.as_str(), tensor).is_some() {
            problems.push(format!("{} stands there twice", tensor.name));
        }
    }
    let mut loader = Loader { path: Path::default(), given, problems };
    let network = network.map(&mut loader);
    let mut problems = loader.problems;
    problems.extend(loader.given.keys().map(|name| format!("{name} is none of the network's")));
    if problems.is_empty() {
        return Ok(network);
    }
    let shown: Vec<&str> = problems.iter().take(SHOWN).map(String::as_str).collect();
    let more = match problems.len() - shown.len() {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Error::input("these are not the weights of this network")
        .found(format!("{}{more}", shown.join("; ")))
        .hint("give the network the settings that the weights were trained with"))
}

/// Differences that an error names.
const SHOWN: usize = 5;

struct Loader<'a> {
    path: Path,
    given: BTreeMap<&'a str, &'a NamedTensor>,
    problems: Vec<String>,
}

impl ModuleMapper for Loader<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = self.path.name();
        let shape = param.dims();
        match self.given.remove(name.as_str()) {
            Some(tensor) if tensor.shape == shape => return replaced(param, tensor.values.clone()),
            Some(tensor) => self.problems.push(format!("{name} has shape {:?} instead of {shape:?}", tensor.shape)),
            None => self.problems.push(format!("{name} is missing")),
        }
        param
    }
}

/// The parameter with other values: same identity, shape, device and need of a gradient.
pub(crate) fn replaced<const D: usize>(param: Param<Tensor<D>>, values: Vec<f32>) -> Param<Tensor<D>> {
    let (id, old, mapper) = param.consume();
    let new = Tensor::from_data(TensorData::new(values, old.shape()), &old.device());
    let new = if old.is_require_grad() { new.require_grad() } else { new };
    Param::from_mapped_value(id, new, mapper)
}
