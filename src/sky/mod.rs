//! What is observed: cosmology, HI of simulated galaxies, spectral cubes, component lists.

pub mod band;
pub mod cells;
pub mod components;
pub mod cosmology;
pub mod cube;
pub mod deposit;
pub mod eor;
pub mod galaxy;
pub mod h2;
pub mod kernel;
pub mod moments;
pub mod neutral;
pub mod orient;
pub mod placing;
pub mod power;
pub mod products;
pub mod profile;
pub mod rahmati;
pub mod resample;
pub mod snapshot;
pub mod temperature;
