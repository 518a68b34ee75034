//! The data formats of the Buildpacks specifications: TOML files, labels, API versions. No I/O.
