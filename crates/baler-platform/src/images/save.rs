//! An image as an archive that `docker load`, `podman load` and other tools read.

use std::io::{self, Write};

use baler_image::ArchiveKind;
use baler_store::{ArchivedImage, WriteArchiveError, write_archive};

use crate::context::Context;
use crate::interrupt::{Interrupt, Interrupted};
use crate::places::Located;

/// Why an image could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    #[error("{0}")]
    Write(#[from] WriteArchiveError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// Writes an image under the name that it was found by.
pub fn save(
    context: &Context<'_>,
    located: &Located,
    kind: ArchiveKind,
    output: &mut dyn Write,
) -> Result<(), SaveError> {
    let image = &located.image;
    let manifest = image.manifest().raw.clone();
    let archived = ArchivedImage { descriptor: image.descriptor(), manifest, names: vec![image.name().clone()] };
    let mut output = Interruptible { output, interrupt: &context.interrupt };
    let written = write_archive(kind, &[archived], located.source(context.store), &mut output);
    context.interrupt.check()?;
    Ok(written?)
}

/// Takes nothing more once the user has ended the program.
struct Interruptible<'a> {
    output: &'a mut dyn Write,
    interrupt: &'a Interrupt,
}

impl Write for Interruptible<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt.check().map_err(io::Error::other)?;
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
