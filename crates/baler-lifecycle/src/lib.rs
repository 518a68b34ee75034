//! The lifecycle: analyze, detect, restore, build, export as functions, and the programs of those names.
