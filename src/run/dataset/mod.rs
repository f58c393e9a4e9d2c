//! Data sets: what people see of one.

pub mod contact;
mod histogram;
mod html;
pub mod overview;
