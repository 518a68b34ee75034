//! What the commands do: build, builder create, run, images, inspect.

pub mod builder;
pub mod certificates;
pub mod output;
pub mod variables;

pub mod build {
    pub mod workspace;
}
