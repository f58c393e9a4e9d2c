//! `dataset`: training pairs by the thousand.

pub mod check;
