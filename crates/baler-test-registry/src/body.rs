//! An answer's body on its way out, with what goes wrong on the way.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::content::Reader;

const PIECE: usize = 128 * 1024;
/// How long what was sent before a break is given to leave.
pub(crate) const LEAVE: Duration = Duration::from_millis(50);

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Whole,
    /// The connection ends.
    Stop,
    /// The connection is reset.
    Reset,
    /// Nothing more happens.
    Stall,
}

/// A request that is counted among those that run.
pub(crate) struct Running(Arc<AtomicUsize>);

impl Running {
    /// Counts one more; with it, how many there are now.
    pub(crate) fn begin(count: &Arc<AtomicUsize>) -> (Self, usize) {
        let now = count.fetch_add(1, Ordering::SeqCst) + 1;
        (Self(Arc::clone(count)), now)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a connection is ended from within.
#[derive(Clone, Default)]
pub(crate) struct Cord {
    /// Whether it ends with a reset.
    pub(crate) resets: Arc<AtomicBool>,
    /// Pulled where nothing else would end it.
    pub(crate) pulled: Arc<Notify>,
}

/// The body of an answer.
pub(crate) struct Body {
    pub(crate) reader: Reader,
    /// How many bytes are still sent.
    pub(crate) left: u64,
    pub(crate) ending: Ending,
    /// A pause before each piece.
    pub(crate) pace: Option<Duration>,
    cord: Cord,
    pause: Option<Pin<Box<Sleep>>>,
    /// Counts the request as long as its answer is on its way.
    _running: Running,
}

impl Body {
    pub(crate) fn new(reader: Reader, left: u64, cord: Cord, running: Running) -> Self {
        Self { reader, left, ending: Ending::Whole, pace: None, cord, pause: None, _running: running }
    }

    /// Ready once per pause.
    fn wait(&mut self, context: &mut Context<'_>, pause: Duration) -> Poll<()> {
        let sleep = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        std::task::ready!(sleep.as_mut().poll(context));
        self.pause = None;
        Poll::Ready(())
    }
}

impl Drop for Body {
    /// A body of known length is not asked for what comes after its end.
    fn drop(&mut self) {
        if self.ending == Ending::Reset {
            self.cord.resets.store(true, Ordering::Relaxed);
            self.cord.pulled.notify_one();
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return match self.ending {
                Ending::Whole => Poll::Ready(None),
                Ending::Stall => Poll::Pending,
                Ending::Stop | Ending::Reset => {
                    std::task::ready!(self.wait(context, LEAVE));
                    self.cord.resets.store(self.ending == Ending::Reset, Ordering::Relaxed);
                    Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
                }
            };
        }
        if let Some(pace) = self.pace {
            std::task::ready!(self.wait(context, pace));
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(PIECE);
        let piece = self.reader.piece(most)?;
        if piece.is_empty() {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}
