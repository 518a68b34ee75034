//! Files by HTTP: asked for again only if the server has another one by now. They are reached as registries are.

use std::io::{self, Write};

use baler_registry::{RegistryError, WebAddress, WebAnswer, WebFile};
use baler_store::{DiskFull, Scratch, ScratchError};

use super::locator::redacted;
use crate::context::Context;
use crate::interrupt::Interrupted;
use crate::places::RegistriesError;

const MAXIMUM_SIZE: u64 = 1 << 36;

/// Why a file could not be downloaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    #[error("'{url}' is no address of a file")]
    Address { url: String },
    #[error("could not download {url}: the server answered {status}")]
    Status { url: String, status: u16 },
    #[error("could not download {url}")]
    Unreachable { url: String, source: RegistryError },
    #[error("{0}")]
    Client(#[from] RegistriesError),
    #[error("{url} has more than 64 GiB")]
    TooLarge { url: String },
    #[error("could not keep {url}")]
    Keep { url: String, source: io::Error },
    #[error("could not keep {url}")]
    DiskFull { url: String, source: DiskFull },
    #[error("{0}")]
    Scratch(#[from] ScratchError),
    #[error("{0}")]
    Interrupted(#[from] Interrupted),
}

/// What the server said.
pub(super) enum Answer {
    /// It has what `mark` is of.
    Same,
    /// It has another file, now in `scratch` under [`FILE`].
    File { scratch: Scratch, mark: Option<String> },
}

pub(crate) const FILE: &str = "download";

/// Asks for `url`, unless it is still what `mark` is of.
pub(super) fn download(context: &Context<'_>, url: &str, mark: Option<&str>) -> Result<Answer, DownloadError> {
    let shown = || redacted(url);
    let address: WebAddress = url.parse().map_err(|_| DownloadError::Address { url: shown() })?;
    let client = context.places.registries().client()?;
    let taken = client.file(&address, mark, |answer| match answer {
        WebAnswer::Same => Ok(Ok(Answer::Same)),
        WebAnswer::File(file) => match keep(context, &shown(), file) {
            Err(Failed::There(error)) => Err(error),
            Err(Failed::Here(error)) => Ok(Err(error)),
            Ok(answer) => Ok(Ok(answer)),
        },
    });
    taken.unwrap_or_else(|error| {
        Err(match error.status() {
            Some(status) => DownloadError::Status { url: shown(), status },
            None => DownloadError::Unreachable { url: shown(), source: error },
        })
    })
}

/// Downloads `url` whatever is remembered of it: the file is [`FILE`] in what is returned.
pub(crate) fn download_now(context: &Context<'_>, url: &str) -> Result<Scratch, DownloadError> {
    match download(context, url, None)? {
        Answer::File { scratch, .. } => Ok(scratch),
        Answer::Same => Err(DownloadError::Status { url: redacted(url), status: 304 }),
    }
}

/// Where something went wrong.
enum Failed {
    There(RegistryError),
    Here(DownloadError),
}

impl<T: Into<DownloadError>> From<T> for Failed {
    fn from(error: T) -> Self {
        Self::Here(error.into())
    }
}

fn keep(context: &Context<'_>, url: &str, mut file: WebFile) -> Result<Answer, Failed> {
    let scratch = context.store.scratch("download")?;
    let path = scratch.path().join(FILE);
    let full = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull => DownloadError::DiskFull { url: url.to_owned(), source: DiskFull::at(&path) },
        _ => DownloadError::Keep { url: url.to_owned(), source },
    };
    let mut kept = fs_err::File::create(&path).map_err(full)?;
    let (mut buffer, mut size) = (vec![0; 256 * 1024], 0);
    loop {
        let count = file.read(&mut buffer).map_err(Failed::There)?;
        if count == 0 {
            return Ok(Answer::File { scratch, mark: file.mark });
        }
        context.interrupt.check()?;
        kept.write_all(&buffer[..count]).map_err(full)?;
        size += count as u64;
        if size > MAXIMUM_SIZE {
            return Err(DownloadError::TooLarge { url: url.to_owned() }.into());
        }
    }
}
