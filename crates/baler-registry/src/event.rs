//! What happens on the way that nobody asked for, told to who wants to hear it: tries that failed, mirrors that did not
//! answer, credentials that were used. The library itself prints nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use baler_image::{Digest, Repository};

use crate::credentials::Origin;
use crate::error::RegistryError;

/// A pause that is not passed over in silence.
const LONG: Duration = Duration::from_secs(5);

/// Something that happened.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request was answered; `url` is where, after redirects.
    Answered { method: &'a str, url: &'a dyn fmt::Display, status: u16 },
    /// A request is not answered yet, and is waited for.
    Silent { method: &'a str, url: &'a dyn fmt::Display, waited: Duration, limit: Duration },
    /// A request failed for a reason that may pass, and is made again after a pause.
    Retrying { error: &'a RegistryError, tried: u32, tries: u32, pause: Duration },
    /// A mirror could not give what it was asked for; the next one is asked, or the registry itself.
    MirrorFailed { mirror: &'a Repository, wanted: &'a Repository, error: &'a RegistryError },
    /// A mirror cannot be reached, and is left out from now on.
    MirrorLeftOut { mirror: &'a str, wanted: &'a Repository, error: &'a RegistryError },
    /// A registry asks who we are.
    LoggingIn { registry: &'a str, origin: Option<&'a Origin> },
    /// A blob that was read to its end is another one. Whoever reads it may try again.
    Damaged { repository: &'a Repository, digest: &'a Digest, found: &'a Digest },
    /// A request that ends an upload failed, and yet the registry has the blob.
    Arrived { digest: &'a Digest, error: &'a RegistryError },
    /// A registry takes no pieces of blobs; they are sent whole from now on.
    SendingWhole { registry: &'a str },
    /// A registry forgot what it was sent of a blob; it is sent again from its beginning.
    SendingAgain { repository: &'a Repository, sent: u64 },
}

impl Event<'_> {
    /// Whether it is for everybody, and not only for who looks closely: what follows is not as it was set up, or somebody
    /// may wonder why nothing happens.
    pub fn is_warning(&self) -> bool {
        match self {
            Self::MirrorLeftOut { .. } | Self::Silent { .. } => true,
            Self::Retrying { error, pause, .. } => matches!(error, RegistryError::TimedOut { .. }) || *pause >= LONG,
            _ => false,
        }
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Retrying { error, tried, tries, pause } => {
                write!(formatter, "try {tried} of {tries} failed, the next is in {:.1} s: ", pause.as_secs_f64())?;
                chain(error, formatter)
            }
            Self::Silent { method, url, waited, limit } => write!(
                formatter,
                "no answer to {method} {url} for {} s; it is waited for {} s",
                waited.as_secs(),
                limit.as_secs()
            ),
            Self::Answered { method, url, status } => write!(formatter, "{method} {url}: {status}"),
            Self::MirrorLeftOut { mirror, wanted, error } => {
                write!(formatter, "the mirror {mirror} of {wanted} is left out: ")?;
                chain(error, formatter)
            }
            Self::MirrorFailed { mirror, wanted, error } => {
                write!(formatter, "mirror {mirror} of {wanted} did not answer: ")?;
                chain(error, formatter)
            }
            Self::LoggingIn { registry, origin: Some(origin) } => {
                write!(formatter, "logging in to {registry} with the credentials of {origin}")
            }
            Self::LoggingIn { registry, origin: None } => {
                write!(formatter, "asking {registry} without credentials: there are none for it")
            }
            Self::Damaged { repository, digest, found } => {
                write!(formatter, "{repository} sent blob {digest} damaged: its bytes have the digest {found}")
            }
            Self::Arrived { digest, error } => {
                write!(formatter, "blob {digest} has arrived, though ")?;
                chain(error, formatter)
            }
            Self::SendingWhole { registry } => {
                write!(formatter, "{registry} takes no pieces of blobs: they are sent whole from now on")
            }
            Self::SendingAgain { repository, sent } => {
                write!(formatter, "{repository} forgot an upload after {sent} bytes: sending it again")
            }
        }
    }
}

fn chain(error: &RegistryError, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(formatter, "{error}")?;
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        write!(formatter, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

type Hear = dyn Fn(&Event<'_>) + Send + Sync;

/// Who is told of events. It may be called from several threads at once.
#[derive(Clone, Default)]
pub struct Listener(Option<Arc<Hear>>);

impl Listener {
    /// Tells `hear` of each event.
    pub fn new(hear: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub(crate) fn tell(&self, event: &Event<'_>) {
        if let Some(hear) = &self.0 {
            hear(event);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Listener" } else { "no listener" })
    }
}
