//! An archive sent while it is written.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use baler_store::WriteArchiveError;

use crate::daemon::Daemon;
use crate::error::DaemonError;

const BUFFER: usize = 1 << 18;

/// What writes the archive.
type Produce<'a> = &'a (dyn Fn(&mut dyn Write) -> Result<(), WriteArchiveError> + Sync);

/// Sends an archive while it is written. One that could not be written to its end is never sent to its end.
pub(crate) fn send(daemon: &Daemon, produce: Produce<'_>) -> Result<(), DaemonError> {
    let (reader, writer) = io::pipe().map_err(|source| DaemonError::Work { path: PathBuf::from("a pipe"), source })?;
    let is_whole = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut output = io::BufWriter::with_capacity(BUFFER, writer);
            let result = produce(&mut output);
            is_whole.store(result.is_ok(), Ordering::Release);
            result
        });
        let mut archive = Whole { reader, is_whole: &is_whole };
        let sent = daemon.load(&mut archive);
        // Who still writes ends now.
        drop(archive);
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        match (sent, written) {
            (Err(error @ DaemonError::Api { .. }), _) => Err(error),
            (_, Err(error @ (WriteArchiveError::Read { .. } | WriteArchiveError::Document { .. }))) => {
                Err(error.into())
            }
            (sent, _) => sent,
        }
    })
}

/// The end of the pipe, which must not be taken for the end of the archive.
struct Whole<'a> {
    reader: io::PipeReader,
    is_whole: &'a AtomicBool,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        if count == 0 && !buffer.is_empty() && !self.is_whole.load(Ordering::Acquire) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }
}
