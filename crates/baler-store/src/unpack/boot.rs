//! Whether an unpacked layer has survived a power failure.
//!
//! Waiting for the disk would take longer than unpacking. So a new layer carries the boot in which it was made, in
//! `boot`. In the same boot it is sound, and after a while the kernel has written it, and the file goes. With the file of
//! another boot a layer may have holes; it is unpacked again.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::disk::explain;

const BOOT: &str = "boot";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// By default the kernel writes what is older than 30 seconds, and looks every 5.
const WRITTEN_AFTER: Duration = Duration::from_mins(2);

/// The boot that the machine is in; empty where the kernel does not tell.
pub(super) fn current() -> String {
    fs_err::read_to_string(BOOT_ID).unwrap_or_default()
}

/// Notes in a new layer's directory the boot in which it is made.
pub(super) fn mark(directory: &Path, boot: &str) -> io::Result<()> {
    let path = directory.join(BOOT);
    fs_err::write(&path, boot).map_err(|error| explain(error, &path))
}

/// Whether the layer can be relied on in `boot`. `clock` is a file written just now.
pub(super) fn is_sound(directory: &Path, boot: &str, clock: &Path) -> io::Result<bool> {
    let path = directory.join(BOOT);
    let marked = match fs_err::read_to_string(&path) {
        Ok(marked) => marked,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    if marked != boot {
        return Ok(false);
    }
    let (now, made) = (fs_err::metadata(clock)?.modified()?, fs_err::metadata(&path)?.modified()?);
    if now.duration_since(made).is_ok_and(|age| age > WRITTEN_AFTER) {
        // If another process was faster, that is as good.
        let _ = fs_err::remove_file(&path);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_of_another_boot_is_not_relied_on() {
        let directory = tempfile::tempdir().unwrap();
        let clock = tempfile::NamedTempFile::new().unwrap();
        let is_sound = |boot| is_sound(directory.path(), boot, clock.path()).unwrap();
        assert!(is_sound("now"));
        mark(directory.path(), "before").unwrap();
        assert!(!is_sound("now"));
        mark(directory.path(), "now").unwrap();
        assert!(is_sound("now"));
        assert!(directory.path().join(BOOT).exists());
        let marker = std::fs::File::open(directory.path().join(BOOT)).unwrap();
        let made = marker.metadata().unwrap().modified().unwrap();
        marker.set_modified(made - 2 * WRITTEN_AFTER).unwrap();
        assert!(is_sound("now"));
        assert!(!directory.path().join(BOOT).exists());
    }
}
