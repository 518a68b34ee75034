//! What the commands do: build, builder create, run, images, inspect.
