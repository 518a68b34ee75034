//! The local store: blobs, images by name, layers unpacked once per id map, OCI layouts.
