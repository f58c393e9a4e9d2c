use crate::error::Result;
use crate::learn::networks::conv::Conv;
use crate::learn::networks::layer::{Layer, PlainKind, Residual};
use crate::learn::networks::norm::Normalise;
use crate::learn::networks::upsample::Up;
use crate::learn::settings::{End, GeneratorSettings};
use burn::tensor::Device;

/// The layers of the generator of Johnson et al. 2016 as Zhu et al. 2017 have it: 7 x 7, two halvings, residual blocks, two doublings,
/// 7 x 7; reflected borders. Images have sides that are multiples of 4 and at least 8.
///
/// # Errors
/// Groups of the norm that do not divide the channels of every layer.
pub(super) fn layers(settings: &GeneratorSettings, blocks: usize, device: &Device) -> Result<Vec<Layer>> {
    let width = settings.width;
    let norm = |channels| Ok(Layer::Norm(Normalise::new(settings.norm, channels, device)?));
    let mut model = vec![
        PlainKind::ReflectionPad(3).into(),
        Layer::Conv(Conv::new(settings.input, width, 7, device)),
        norm(width)?,
        PlainKind::Relu.into(),
    ];
    for channels in [width, 2 * width] {
        model.push(Layer::Conv(Conv::new(channels, 2 * channels, 3, device).steps(2, 1)));
        model.push(norm(2 * channels)?);
        model.push(PlainKind::Relu.into());
    }
    for block in 0..blocks {
        let mut conv_block = Vec::new();
        for half in 0..2 {
            conv_block.push(PlainKind::ReflectionPad(1).into());
            conv_block.push(Layer::Conv(Conv::new(4 * width, 4 * width, 3, device)));
            conv_block.push(norm(4 * width)?);
            if half == 0 {
                conv_block.push(PlainKind::Relu.into());
                if settings.dropout > 0.0 {
                    let dropout = PlainKind::Dropout { probability: settings.dropout, layer: block as u32 };
                    conv_block.push(dropout.into());
                }
            }
        }
        model.push(Layer::Residual(Residual { conv_block }));
    }
    for channels in [4 * width, 2 * width] {
        model.push(Layer::Up(Up::new(settings.up, channels, channels / 2, 3, device)));
        model.push(norm(channels / 2)?);
        model.push(PlainKind::Relu.into());
    }
    model.push(PlainKind::ReflectionPad(3).into());
    model.push(Layer::Conv(Conv::new(width, settings.output, 7, device)));
    if settings.end == End::Tanh {
        model.push(PlainKind::Tanh.into());
    }
    Ok(model)
}
