//! Layers: written as tar by the reference's byte rules, compressed and hashed in one pass; applied to a directory; trees compared.
