//! One blob from one place to another: taken over inside of a registry where that can be, else sent, and sent again where a
//! registry forgot it or did not send it as it is.

use std::io::{self, Read, Write};

use crate::manifest::Descriptor;
use crate::sink::{Mounted, Sink, SinkError};
use crate::source::{Source, SourceError};

/// How often a blob is sent from its beginning.
const MAXIMUM_SENDS: u32 = 3;
const BUFFER: usize = 1 << 20;

/// How a blob came to be in a sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// It was there, or is there now without having been sent.
    Present,
    Sent,
}

/// Why a blob is not there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    #[error("could not read it")]
    Read(#[source] SourceError),
    #[error("could not write it")]
    Write(#[source] SinkError),
    #[error("could not copy it")]
    Copy(#[source] io::Error),
}

/// What is told while a blob is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is not there, and is sent from its beginning.
    Started,
    /// So many bytes more are written.
    Advanced(u64),
}

/// Copies `blob` unless `sink` has it. A registry that holds it in another repository is asked to take it over; it is not
/// asked before whether it has it, since both cost one request.
pub fn transfer(
    blob: &Descriptor,
    source: &dyn Source,
    sink: &dyn Sink,
    progress: &mut dyn FnMut(Progress),
) -> Result<Transferred, TransferError> {
    let digest = &blob.digest;
    let mounted = match source.repository() {
        Some(from) => sink.mount_blob(digest, &from).map_err(TransferError::Write)?,
        None => Mounted::No,
    };
    if matches!(mounted, Mounted::Done) || sink.has_blob(digest).map_err(TransferError::Write)? {
        return Ok(Transferred::Present);
    }
    let mut opened = if let Mounted::Upload(writer) = mounted { Some(writer) } else { None };
    let mut buffer = vec![0; usize::try_from(blob.size).unwrap_or(BUFFER).clamp(1, BUFFER)];
    let mut sends = 0;
    loop {
        sends += 1;
        progress(Progress::Started);
        let mut reader = source.blob(blob).map_err(TransferError::Read)?;
        let new_writer = || sink.begin_blob().map_err(TransferError::Write);
        let mut writer = opened.take().map_or_else(new_writer, Ok)?;
        let sent = send(&mut reader, &mut writer, &mut buffer, progress);
        match sent.and_then(|()| writer.commit(digest, blob.size).map_err(TransferError::Write)) {
            Err(TransferError::Write(SinkError::LostUpload { .. })) if sends < MAXIMUM_SENDS => {}
            Err(TransferError::Read(error)) if error.is_damage_on_the_way() => {
                if sends == MAXIMUM_SENDS {
                    return Err(TransferError::Read(error.after(sends)));
                }
            }
            result => return result.map(|()| Transferred::Sent),
        }
    }
}

fn send(
    reader: &mut dyn Read,
    writer: &mut dyn Write,
    buffer: &mut [u8],
    progress: &mut dyn FnMut(Progress),
) -> Result<(), TransferError> {
    loop {
        let count = match reader.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            count => count.map_err(read_failed)?,
        };
        if count == 0 {
            return Ok(());
        }
        writer.write_all(&buffer[..count]).map_err(write_failed)?;
        progress(Progress::Advanced(count as u64));
    }
}

/// A reader tells of a damaged blob with an I/O error around the real one.
fn read_failed(error: io::Error) -> TransferError {
    error.downcast().map_or_else(TransferError::Copy, TransferError::Read)
}

/// A writer tells of a registry that forgot an upload in the same way.
fn write_failed(error: io::Error) -> TransferError {
    error.downcast().map_or_else(TransferError::Copy, TransferError::Write)
}
