//! A file that gets its name when it is whole.

use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::disk::explain;

/// A file on its way. Dropped before it is whole, it goes, and what had its name stays.
pub struct NewFile {
    output: BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl NewFile {
    /// Begins a file that is to be `path`, in a directory that is there. It gets the mode of any other new file.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if path.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let readable = std::fs::Permissions::from_mode(0o666);
        let file = tempfile::Builder::new().prefix(".baler-").permissions(readable).tempfile_in(directory);
        let file = file.map_err(|error| explain(error, path))?;
        Ok(Self { output: BufWriter::with_capacity(1 << 20, file), path: path.to_owned() })
    }

    /// Gives it the mode that another file has.
    pub fn set_permissions(&self, permissions: std::fs::Permissions) -> io::Result<()> {
        self.output.get_ref().as_file().set_permissions(permissions).map_err(|error| explain(error, &self.path))
    }

    /// Gives the file its name; what had it before goes.
    pub fn commit(self) -> io::Result<()> {
        let file = self.output.into_inner().map_err(|error| explain(error.into_error(), &self.path))?;
        file.as_file().sync_data().map_err(|error| explain(error, &self.path))?;
        file.persist(&self.path).map(drop).map_err(|error| error.error)
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes).map_err(|error| explain(error, &self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush().map_err(|error| explain(error, &self.path))
    }
}
