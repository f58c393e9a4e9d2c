//! `dataset`: many mock observations beside what they observe (docs/datasets.md).

mod log;
mod row;
mod samples;
mod scene;
mod sources;
mod workers;
