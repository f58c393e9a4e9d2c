//! Files to plain structures and back. One format, one folder, with read.rs and write.rs; nothing
//! here knows what the numbers are used for.

mod attribute;
pub mod catalogue;
mod checksum;
pub mod config;
pub mod eor;
pub mod fits;
pub mod hdf_cube;
mod hdf_open;
mod hdf_values;
pub mod maps;
pub mod npy;
pub mod oskar;
pub mod png;
#[cfg(feature = "learn")]
pub mod safetensors;
pub mod shard;
pub mod snapshot;
mod staged;
pub mod telescope;
mod text;
pub mod visibilities;
mod votable;
pub mod webdataset;

pub use attribute::Attribute;
pub use checksum::{copy_with_sha256, sha256_bytes, sha256_file};
pub use staged::{Staged, remove_dead, remove_unfinished};
