//! What learns: `devices`, `train`, `translate`, `evaluate`.
//!
//! | file | holds |
//! |---|---|
//! | devices | what models can be trained on |
//! | train, judge | a training from its configuration; what looks at it on the way |
//! | translate | models at work on files |
//! | evaluate, tables | a model beside classical ways |
//! | sheet, report | pictures of samples; report.html |

mod devices;
mod evaluate;
mod judge;
mod report;
mod sheet;
mod tables;
mod train;
mod translate;

pub use devices::devices;
pub use evaluate::{EvaluateRequest, evaluate};
pub use train::{TrainRequest, train};
pub use translate::{TranslateRequest, translate};
