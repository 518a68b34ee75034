//! `baler builder create`: a build image with buildpacks, an order, run images and a lifecycle on top.

pub mod config;
mod files;
pub mod modules;
pub mod order;
