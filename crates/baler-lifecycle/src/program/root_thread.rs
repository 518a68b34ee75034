//! A thread that stays root where the phase does not: for what only root may do, and what is not known yet when the phase
//! becomes the build user.
//!
//! Linux keeps ids by thread, and a thread has those that whoever started it had. Processes that are started in an errand
//! are root's. Buildpacks are children of the build user: they have no way to send the thread on an errand.

use std::io;
use std::sync::mpsc;

type Errand = Box<dyn FnOnce() + Send>;

/// Does errands, each in a thread of its own, as root.
#[derive(Clone)]
pub(super) struct RootThread(mpsc::Sender<Errand>);

impl RootThread {
    /// Starts the thread. `None` where the phase is not root: it stays who it is.
    pub(super) fn start(name: &str) -> io::Result<Option<Self>> {
        if !rustix::process::getuid().is_root() {
            return Ok(None);
        }
        let (sender, errands) = mpsc::channel::<Errand>();
        let work = move || {
            for errand in errands {
                // Where none can be started, the errand is dropped, and who waits for it is told so.
                let _ = std::thread::Builder::new().spawn(errand);
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
        Ok(Some(Self(sender)))
    }

    /// Does an errand, and waits for it.
    pub(super) fn run<T: Send + 'static>(&self, errand: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let gone = || io::Error::other("the thread that stays root has ended");
        let (reply, answer) = mpsc::sync_channel(1);
        let errand = move || {
            // Who asked may have gone.
            let _ = reply.send(errand());
        };
        self.0.send(Box::new(errand)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }
}
