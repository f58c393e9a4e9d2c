use crate::error::{Error, Result};
use crate::formats::safetensors::NamedTensor;
use crate::learn::weights::{Path, values as host_values};
use burn::Tensor;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, TensorData};
use std::collections::BTreeMap;

/// Numbers of each parameter of a network under its dotted name, as one axis and outside of any graph of gradients.
pub type Flat = BTreeMap<String, Tensor<1>>;

/// The parameters of a network.
pub fn values<M: Module>(network: &M) -> Flat {
    let mut visitor = Values { path: Path::default(), found: Flat::new() };
    network.visit(&mut visitor);
    visitor.found
}

struct Values {
    path: Path,
    found: Flat,
}

impl ModuleVisitor for Values {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.found.insert(self.path.name(), flattened(param.val().inner()));
    }
}

fn flattened<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([count])
}

/// What `found` holds of the gradients of a network's parameters, taken out of it. Parameters that the loss does not
/// depend on have none.
pub fn gradients<M: Module>(network: &M, found: &mut Gradients) -> Flat {
    let mut visitor = Taker { path: Path::default(), from: found, taken: Flat::new() };
    network.visit(&mut visitor);
    visitor.taken
}

struct Taker<'a> {
    path: Path,
    from: &'a mut Gradients,
    taken: Flat,
}

impl ModuleVisitor for Taker<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = param.val().grad_remove(self.from) {
            self.taken.insert(self.path.name(), flattened(gradient));
        }
    }
}

/// The network with the numbers that `change` makes of each parameter's name and numbers; `change` keeps their count.
/// A parameter that needs gradients needs them still, in a graph of its own.
pub fn with_values<M: Module>(network: M, mut change: impl FnMut(&str, Tensor<1>) -> Tensor<1>) -> M {
    network.map(&mut Changer { path: Path::default(), change: &mut change })
}

struct Changer<'a> {
    path: Path,
    change: &'a mut dyn FnMut(&str, Tensor<1>) -> Tensor<1>,
}

impl ModuleMapper for Changer<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, name: &str, container: &str) {
        self.path.exit(name, container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (id, old, mapper) = param.consume();
        let (shape, strategy, needed) = (old.dims(), old.gradient_checkpointing_strategy(), old.is_require_grad());
        let new = (self.change)(&self.path.name(), flattened(old.inner())).reshape(shape);
        let new = match strategy {
            Some(strategy) => Tensor::from_inner(new).with_gradient_checkpointing_strategy(strategy),
            None => new,
        };
        let new = if needed { new.require_grad() } else { new };
        Param::from_mapped_value(id, new, mapper)
    }
}

/// `from` added to `to`, by name.
pub(super) fn add(to: &mut Flat, from: Flat) {
    for (name, value) in from {
        let sum = match to.remove(&name) {
            Some(old) => old + value,
            None => value,
        };
        to.insert(name, sum);
    }
}

/// The same under the names `prefix.name`.
pub(super) fn prefixed(flat: Flat, prefix: &str) -> Flat {
    flat.into_iter().map(|(name, value)| (format!("{prefix}.{name}"), value)).collect()
}

/// The numbers for a file, under `prefix.name`.
///
/// # Errors
/// A device that does not give them.
pub(super) fn to_named(flat: &Flat, prefix: &str) -> Result<Vec<NamedTensor>> {
    let one = |(name, value): (&String, &Tensor<1>)| {
        let values = host_values(value.clone())?;
        Ok(NamedTensor { name: format!("{prefix}.{name}"), shape: vec![values.len()], values })
    };
    flat.iter().map(one).collect()
}

/// The tensors of a file whose names begin with `prefix.`, back on the device.
///
/// # Errors
/// A tensor of more axes than one.
pub(super) fn from_named(tensors: &[NamedTensor], prefix: &str, device: &Device) -> Result<Flat> {
    let mut flat = Flat::new();
    for tensor in tensors {
        let Some(name) = tensor.name.strip_prefix(prefix).and_then(|n| n.strip_prefix('.')) else { continue };
        if tensor.shape.len() != 1 {
            return Err(Error::input("an optimiser's tensor has more axes than one").found(&tensor.name));
        }
        let data = TensorData::new(tensor.values.clone(), tensor.shape.clone());
        flat.insert(name.to_string(), Tensor::from_data(data, device));
    }
    Ok(flat)
}
