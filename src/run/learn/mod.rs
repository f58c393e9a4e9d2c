//! What learns: `devices`, `train`, `translate`, `evaluate`.
//!
//! | file | holds |
//! |---|---|
//! | devices | what models can be trained on |
//! | train, judge | a training from its configuration; what looks at it on the way |
//! | sheet, report | pictures of samples; report.html |

mod devices;
mod judge;
mod report;
mod sheet;
mod train;

pub use devices::devices;
pub use train::{TrainRequest, train};
