//! Circular voltage beams of stations.
//!
//! A baseline's power beam is the product of the voltage beams of its two stations.
