//! A blob that is being written under a temporary name.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use baler_image::{BlobWriter, Digest, Place, SinkError};

use crate::disk::explain;

type Finish = Box<dyn FnOnce(&Path, &Digest) -> io::Result<()> + Send>;

/// A new file, and what gives it its name when all bytes are in. Dropped before that, the file goes.
pub(crate) struct FileBlobWriter {
    file: fs_err::File,
    temporary: Temporary,
    place: Place,
    written: u64,
    finish: Finish,
}

/// The temporary name; removed unless the file got its name.
struct Temporary {
    path: PathBuf,
    is_renamed: bool,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_renamed {
            // Nobody reads it, and the next start removes it again.
            let _ = fs_err::remove_file(&self.path);
        }
    }
}

impl FileBlobWriter {
    /// Makes the file `temporary`, which must not exist. `finish` renames it.
    pub(crate) fn create(temporary: PathBuf, place: Place, finish: Finish) -> io::Result<Self> {
        let mut options = fs_err::OpenOptions::new();
        let file = options.write(true).create_new(true).open(&temporary).map_err(|error| explain(error, &temporary))?;
        Ok(Self { file, temporary: Temporary { path: temporary, is_renamed: false }, place, written: 0, finish })
    }
}

impl Write for FileBlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes).map_err(|error| explain(error, &self.temporary.path))?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl BlobWriter for FileBlobWriter {
    fn commit(self: Box<Self>, digest: &Digest, size: u64) -> Result<(), SinkError> {
        let Self { file, mut temporary, place, written, finish } = *self;
        let failed = |source| SinkError::WriteBlob { place, digest: digest.clone(), source };
        drop(file);
        if written != size {
            let text = format!("{written} bytes were written, {size} were announced");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        finish(&temporary.path, digest).map_err(failed)?;
        temporary.is_renamed = true;
        Ok(())
    }
}
