//! Who asks credential helpers: whoever needs credentials, or somebody with rights that it has given up.

use std::fmt;
use std::io;
use std::sync::{Arc, mpsc};

use crate::credentials::Credentials;
use crate::helper::{Helper, HelperError};

type Errand = Box<dyn FnOnce() + Send>;

/// Asks helpers in another's stead.
#[derive(Clone, Default)]
pub struct Messenger(Option<Arc<dyn Fn(Errand) -> io::Result<()> + Send + Sync>>);

impl Messenger {
    /// Asks within `run`, which calls what it is given, and comes back when that is done.
    pub fn new(run: impl Fn(Errand) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(run)))
    }

    /// The credentials that `helper` has for `address`.
    pub(crate) fn ask(&self, helper: &Helper, address: String) -> Result<Option<Credentials>, HelperError> {
        let Some(run) = &self.0 else { return helper.ask(&address) };
        let (reply, answer) = mpsc::sync_channel(1);
        let own = helper.clone();
        let errand = move || {
            // Who asked waits for it.
            let _ = reply.send(own.ask(&address));
        };
        let failed = |source| HelperError::Start { program: helper.program(), source };
        run(Box::new(errand)).map_err(failed)?;
        answer.recv().unwrap_or_else(|error| Err(failed(io::Error::other(error))))
    }
}

impl fmt::Debug for Messenger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "Messenger" } else { "no messenger" })
    }
}
