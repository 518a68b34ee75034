//! Restore and export across builds.
