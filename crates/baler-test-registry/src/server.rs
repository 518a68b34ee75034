//! Connections: accepting them, TLS, and how they end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::body::{Cord, LEAVE};
use crate::options::Tls;
use crate::service::{Connection, State};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;
/// What servers say to those who do not speak TLS to them.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// A connection that can end with a reset.
struct Line {
    stream: TcpStream,
    resets: Arc<AtomicBool>,
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.resets.load(Ordering::Relaxed) {
            // If it is refused, the connection ends in the usual way, which is a fault as well.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.resets.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Reads certificate and key.
pub(crate) fn acceptor(tls: &Tls) -> Result<TlsAcceptor, Box<dyn std::error::Error + Send + Sync>> {
    let chain = CertificateDer::pem_slice_iter(&tls.certificates).collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(&tls.key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = match &tls.client_authority {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(authority) {
                roots.add(certificate?)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    Ok(TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key)?)))
}

/// Takes connections for ever.
pub(crate) async fn accept(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
    is_storage_host: bool,
) {
    loop {
        // What cannot be accepted is a matter of the one connection, or of too many open files, which passes.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&state), is_storage_host));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>, state: Arc<State>, is_at_storage_host: bool) {
    let _ = stream.set_nodelay(true);
    let cord = Cord::default();
    let mut line = Line { stream, resets: Arc::clone(&cord.resets) };
    let connection = Connection { state, cord, is_secure: acceptor.is_some(), is_at_storage_host };
    let Some(acceptor) = acceptor else {
        serve(line, connection).await;
        return;
    };
    let mut first = [0];
    if !matches!(line.stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first[0] != HANDSHAKE {
        // Whoever does not read it does not need it.
        let _ = line.write_all(NOT_TLS).await;
        return;
    }
    // A client that refuses our certificate is its own business.
    if let Ok(line) = acceptor.accept(line).await {
        serve(line, connection).await;
    }
}

/// When a connection is to end, and what was sent before had time to leave.
async fn pulled(cord: &Cord) {
    cord.pulled.notified().await;
    tokio::time::sleep(LEAVE).await;
}

async fn serve(line: impl AsyncRead + AsyncWrite + Unpin + 'static, connection: Connection) {
    let cord = connection.cord.clone();
    let service = service_fn(|request| connection.serve(request));
    tokio::select! {
        // Connections that end in the middle are what this registry is for.
        _ = http1::Builder::new().serve_connection(TokioIo::new(line), service) => {}
        () = pulled(&cord) => {}
    }
}
