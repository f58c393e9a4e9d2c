//! # skyfringe: from simulated galaxies to what a radio interferometer sees of them
//!
//! One program for the chain that is usually glued together from several: gas cells of a
//! hydrodynamical simulation -> HI maps and spectral cubes -> an array of antennas ->
//! visibilities with thermal noise -> dirty images, PSFs and FITS cubes.
//!
//! The folders are the way of the data, and a module only ever imports from those above it:
//!
//! | module | holds |
//! |---|---|
//! | [`units`] | physical constants, derived 21 cm coefficients, parsing of `"1.42 GHz"` |
//! | [`error`] | the one public error type; progress and interruption |
//! | [`math`] | interpolation-free helpers: special functions, quadrature, counter-based random numbers |
//! | [`time`] | UTC, Earth rotation, the celestial frames |
//! | [`gridding`] | image -> visibilities and back, on bare arrays |
//! | [`formats`] | FITS, HDF5, TNG snapshots, OSKAR text, PNG: files to plain structures |
//! | [`sky`] | cosmology, HI physics, galaxies, spectral cubes, component lists |
//! | [`telescope`] | arrays of stations, presets, voltage beams |
//! | [`visibilities`] | uvw geometry, prediction, noise |
//! | [`imaging`] | weights, dirty images, PSFs, CLEAN, the fast path without visibilities |
//! | [`datasets`] | training pairs |
//! | `learn` | networks, losses, training and judgement of models (feature `learn`) |
//! | [`run`], [`cli`] | the commands: typed parameters and work; command-line words |
//!
//! Conventions stand once, in [`units`] (constants) and [`visibilities`] (signs, axes,
//! polarisations); ARCHITECTURE.md repeats them for readers without a Rust toolchain.

pub mod units;

pub mod error;

pub mod math;

pub mod time;

pub mod gridding;

pub mod formats;

pub mod sky;

pub mod telescope;

pub mod visibilities;

pub mod imaging;

pub mod datasets;

#[cfg(feature = "learn")]
pub mod learn;

pub mod run;

pub mod cli;

pub use error::{Error, Result};
