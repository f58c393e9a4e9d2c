use super::border::Border;
use super::conv::{Images, Window, bias_slopes, convolve, spread, weight_slopes};
use super::norm::{self, Activation, Moments};
use crate::math::vectors::vectors;
use burn::Tensor;
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::NoCheckpointing};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::{Autodiff, AutodiffBackend, Flex, TensorMetadata};
use burn::tensor::{DType, TensorData};
use std::sync::Arc;

/// burn's graph of gradients over its CPU backend.
type Graph = Autodiff<Flex, NoCheckpointing>;
type Node = <Graph as burn::backend::BackendTypes>::FloatTensorPrimitive;

/// More numbers than this are left to burn: places are 32-bit numbers.
const MOST: usize = 1 << 30;

/// A tensor on the CPU, in a graph or not.
enum Place {
    Graph(Node),
    Plain(FlexTensor),
}

impl Place {
    /// None: on another device, not float32, or too large.
    fn of<const D: usize>(tensor: &Tensor<D>) -> Option<Place> {
        if tensor.dtype() != DType::F32 || tensor.dims().iter().product::<usize>() > MOST {
            return None;
        }
        match tensor.clone().try_into_primitive::<Graph>() {
            Ok(node) => Some(Place::Graph(node)),
            Err(_) => tensor.clone().try_into_primitive::<Flex>().ok().map(Place::Plain),
        }
    }

    /// As a node of a graph, a constant if it was none.
    fn node(self) -> Node {
        match self {
            Place::Graph(node) => node,
            Place::Plain(values) => Graph::from_inner(values),
        }
    }

    fn plain(self) -> FlexTensor {
        match self {
            Place::Graph(node) => node.into_primitive(),
            Place::Plain(values) => values,
        }
    }
}

/// The convolution of images \[image, in, y, x\] with a weight \[out, in, side, side\] and a bias \[out\]; None where these
/// kernels are not made for the tensors.
pub(crate) fn convolution(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: Option<&Tensor<1>>,
    stride: usize,
    border: Border,
) -> Option<Tensor<4>> {
    let [_, _, tall, wide] = weight.dims();
    let window = Window { side: [tall, wide], stride, border };
    let [_, _, height, width] = x.dims();
    layer(x, weight, bias, Convolution { window, size: [height, width], transposed: false })
}

/// The transposed convolution of images \[image, in, y, x\] with a weight \[in, out, side, side\] and a bias \[out\], of a
/// padding and `size` \[y, x\] of the result; None as of [`convolution`].
pub(crate) fn transposed(
    x: &Tensor<4>,
    weight: &Tensor<4>,
    bias: &Tensor<1>,
    stride: usize,
    padding: usize,
    size: [usize; 2],
) -> Option<Tensor<4>> {
    let [_, _, tall, wide] = weight.dims();
    let window = Window { side: [tall, wide], stride, border: Border::Zeros(padding) };
    layer(x, weight, Some(bias), Convolution { window, size, transposed: true })
}

/// Images with the mean of each channel taken off and divided by its standard deviation (variance + `epsilon`), then
/// activated; None as of [`convolution`].
pub(crate) fn instance_norm(x: &Tensor<4>, epsilon: f64, act: Activation) -> Option<Tensor<4>> {
    let place = Place::of(x)?;
    let layer = Norm { epsilon: epsilon as f32, act };
    let Place::Graph(x) = place else {
        return Some(Tensor::from_primitive::<Flex>(layer.forward(&place.plain()).0));
    };
    let (made, moments) = layer.forward(x.primitive());
    let node = match layer.prepare::<NoCheckpointing>([x.node()]).compute_bound().stateful() {
        OpsKind::Tracked(prepared) => prepared.finish((x.primitive().clone(), Arc::new(moments)), made),
        OpsKind::UnTracked(prepared) => prepared.finish(made),
    };
    Some(Tensor::from_primitive::<Graph>(node))
}

/// A convolution, or with `transposed` its adjoint, of images of `size` (the result's of a transposed one).
#[derive(Debug, Clone, Copy)]
struct Convolution {
    window: Window,
    size: [usize; 2],
    transposed: bool,
}

fn layer(x: &Tensor<4>, weight: &Tensor<4>, bias: Option<&Tensor<1>>, layer: Convolution) -> Option<Tensor<4>> {
    let (x, weight) = (Place::of(x)?, Place::of(weight)?);
    let bias = match bias {
        Some(bias) => Some(Place::of(bias)?),
        None => None,
    };
    let any = [Some(&x), Some(&weight), bias.as_ref()].into_iter().flatten().any(|p| matches!(p, Place::Graph(_)));
    if !any {
        let (x, weight, bias) = (x.plain(), weight.plain(), bias.map(Place::plain));
        return Some(Tensor::from_primitive::<Flex>(layer.forward(&x, &weight, bias.as_ref())));
    }
    let (x, weight) = (x.node(), weight.node());
    let node = match bias {
        Some(bias) => {
            let bias = bias.node();
            let made = layer.forward(x.primitive(), weight.primitive(), Some(bias.primitive()));
            let nodes = [x.node(), weight.node(), bias.node()];
            match layer.prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish((x.into_primitive(), weight.into_primitive()), made),
                OpsKind::UnTracked(prepared) => prepared.finish(made),
            }
        }
        None => {
            let made = layer.forward(x.primitive(), weight.primitive(), None);
            match layer.prepare::<NoCheckpointing>([x.node(), weight.node()]).compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish((x.into_primitive(), weight.into_primitive()), made),
                OpsKind::UnTracked(prepared) => prepared.finish(made),
            }
        }
    };
    Some(Tensor::from_primitive::<Graph>(node))
}

impl Convolution {
    fn forward(&self, x: &FlexTensor, weight: &FlexTensor, bias: Option<&FlexTensor>) -> FlexTensor {
        let (x, weight) = (Whole::of(x), Whole::of(weight));
        let bias = bias.map(FlexTensor::to_contiguous);
        let bias = bias.as_ref().map(numbers);
        let ([count, ..], [first, second, ..]) = (x.shape, weight.shape);
        let (values, [height, width]) = match self.transposed {
            true => (spread(vectors(), x.images(), weight.images(), bias, self.window, self.size), self.size),
            false => {
                (convolve(vectors(), x.images(), weight.images(), bias, self.window), self.window.result(self.size))
            }
        };
        tensor(values, [count, if self.transposed { second } else { first }, height, width])
    }

    /// Gradients of images, weight and bias, of those that have a place to go.
    fn gradients(
        &self,
        (x, weight): (FlexTensor, FlexTensor),
        gradient: FlexTensor,
        wanted: [bool; 3],
    ) -> [Option<FlexTensor>; 3] {
        let (x, weight, gradient) = (Whole::of(&x), Whole::of(&weight), Whole::of(&gradient));
        let [of_x, of_weight, of_bias] = wanted;
        let of_x = of_x.then(|| {
            let values = match self.transposed {
                true => convolve(vectors(), gradient.images(), weight.images(), None, self.window),
                false => spread(vectors(), gradient.images(), weight.images(), None, self.window, self.size),
            };
            tensor(values, x.shape)
        });
        let of_weight = of_weight.then(|| {
            let (images, result) = if self.transposed { (&gradient, &x) } else { (&x, &gradient) };
            tensor(weight_slopes(vectors(), images.images(), result.images(), self.window), weight.shape)
        });
        let of_bias = of_bias.then(|| tensor(bias_slopes(gradient.images()), [gradient.shape[1]]));
        [of_x, of_weight, of_bias]
    }
}

impl<const N: usize> Backward<Flex, N> for Convolution {
    type State = (FlexTensor, FlexTensor);

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node);
        let wanted = [0, 1, 2].map(|i| ops.parents.get(i).is_some_and(Option::is_some));
        let found = self.gradients(ops.state, gradient, wanted);
        for (parent, found) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                grads.register::<Flex>(parent.id, found);
            }
        }
    }
}

/// An instance norm and what follows it.
#[derive(Debug, Clone, Copy)]
struct Norm {
    epsilon: f32,
    act: Activation,
}

impl Norm {
    fn forward(&self, x: &FlexTensor) -> (FlexTensor, Vec<Moments>) {
        let x = Whole::of(x);
        let (values, moments) = norm::forward(numbers(&x.tensor), x.shape[2] * x.shape[3], self.epsilon, self.act);
        (tensor(values, x.shape), moments)
    }
}

impl Backward<Flex, 1> for Norm {
    type State = (FlexTensor, Arc<Vec<Moments>>);

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<Flex>(&ops.node).to_contiguous();
        let (x, moments) = ops.state;
        let x = Whole::of(&x);
        if let [Some(parent)] = ops.parents {
            let pixels = x.shape[2] * x.shape[3];
            let values = norm::backward(numbers(&x.tensor), &moments, numbers(&gradient), pixels, self.act);
            grads.register::<Flex>(parent.id, tensor(values, x.shape));
        }
    }
}

/// A tensor of four axes whose numbers lie in their order.
struct Whole {
    tensor: FlexTensor,
    shape: [usize; 4],
}

impl Whole {
    fn of(tensor: &FlexTensor) -> Whole {
        let tensor = tensor.to_contiguous();
        let shape = tensor.shape().dims::<4>();
        Whole { tensor, shape }
    }

    fn images(&self) -> Images<'_> {
        Images { values: numbers(&self.tensor), shape: self.shape }
    }
}

/// The numbers of a contiguous float32 tensor.
fn numbers(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice::<f32>().unwrap_or(&[])
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
