//! What is observed: cosmology, HI of simulated galaxies, spectral cubes, component lists.

pub mod cells;
pub mod cosmology;
pub mod cube;
pub mod galaxy;
pub mod h2;
pub mod neutral;
pub mod snapshot;
