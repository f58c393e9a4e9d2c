//! uvw geometry, prediction of visibilities, thermal noise.
