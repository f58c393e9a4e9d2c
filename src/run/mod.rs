//! The commands: typed parameters and the work.

pub mod preview;
pub mod telescope_plot;
