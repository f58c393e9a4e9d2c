//! Weights, dirty images and PSFs.
