//! Runs one command in a root file system: namespaces, id maps, overlay mounts, no root needed.
