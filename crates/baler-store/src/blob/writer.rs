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
        fs_err::File::create_new(&temporary).map_err(|error| explain(error, &temporary))?;
        Self::open(temporary, place, finish)
    }

    /// Writes to `temporary`, which is there and empty. Its lock is held, so that [`remove_temporary`] leaves it.
    pub(crate) fn open(temporary: PathBuf, place: Place, finish: Finish) -> io::Result<Self> {
        let temporary = Temporary { path: temporary, is_renamed: false };
        let file = fs_err::OpenOptions::new().write(true).open(&temporary.path)?;
        file.lock()?;
        Ok(Self { file, temporary, place, written: 0, finish })
    }

    /// Reads what is written, from the beginning, also after the file has got its name.
    pub(crate) fn reader(&self) -> io::Result<fs_err::File> {
        fs_err::File::open(&self.temporary.path)
    }
}

/// Removes a temporary file, unless a process is writing it.
pub(crate) fn remove_temporary(path: &Path) -> io::Result<()> {
    let absence = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    let file = match fs_err::OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) => return absence(error),
    };
    match file.try_lock() {
        Ok(()) => fs_err::remove_file(path).or_else(absence),
        Err(std::fs::TryLockError::WouldBlock) => Ok(()),
        Err(std::fs::TryLockError::Error(error)) => Err(error),
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
        if written != size {
            let text = format!("{written} bytes were written, {size} were announced");
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, text)));
        }
        finish(&temporary.path, digest).map_err(failed)?;
        temporary.is_renamed = true;
        // With it, the lock: nobody may take the file for a leftover before it has its name.
        drop(file);
        Ok(())
    }
}
