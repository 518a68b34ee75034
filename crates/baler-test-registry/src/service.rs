//! One request: what befalls it, who asks, what is answered, and how the answer leaves.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use crate::body::{Body, Cord, Ending, Running};
use crate::content::Content;
use crate::log;
use crate::login::{Asked, Denied, Login, authorization};
use crate::options::{Auth, Options};
use crate::protocol::{Call, Receipt, Reply, answer, begin_upload};
use crate::route::{Route, query};
use crate::rules::{Fault, Rule};
use crate::storage::Storage;
use crate::subject::Seen;

/// What is longer is no manifest.
const MAXIMUM_DOCUMENT: usize = 16 << 20;

/// What the storage host wants to see. Clients must not print it.
const SIGNATURE: &str = "4f1d-signature";

/// Called with each request when its answer begins.
pub type Tell = Box<dyn Fn(&log::Request) + Send + Sync>;

/// What all connections share.
pub(crate) struct State {
    pub(crate) options: Options,
    storage: Mutex<Storage>,
    rules: Mutex<Vec<Rule>>,
    log: Mutex<Vec<log::Request>>,
    login: Login,
    running: Arc<AtomicUsize>,
    peak: AtomicUsize,
    tell: Option<Tell>,
    /// Address and port of the storage host.
    pub(crate) storage_host: Option<SocketAddr>,
}

/// One connection.
pub(crate) struct Connection {
    pub(crate) state: Arc<State>,
    pub(crate) cord: Cord,
    pub(crate) is_secure: bool,
    pub(crate) is_at_storage_host: bool,
}

/// The connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to end")]
pub(crate) struct Ended;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(crate) fn new(
        options: Options,
        storage: Storage,
        tell: Option<Tell>,
        storage_host: Option<SocketAddr>,
    ) -> Self {
        let (running, peak, login) = (Arc::default(), AtomicUsize::new(0), Login::default());
        let (storage, rules, log) = (Mutex::new(storage), Mutex::default(), Mutex::default());
        Self { options, storage, rules, log, login, running, peak, tell, storage_host }
    }

    pub(crate) fn storage(&self) -> MutexGuard<'_, Storage> {
        lock(&self.storage)
    }

    pub(crate) fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        lock(&self.rules)
    }

    pub(crate) fn log(&self) -> MutexGuard<'_, Vec<log::Request>> {
        lock(&self.log)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    fn begin(&self, request: &Seen<'_>, fault: Option<Arc<str>>) -> (Running, usize) {
        let (running, now) = Running::begin(&self.running);
        self.peak.fetch_max(now, Ordering::SeqCst);
        let mut log = self.log();
        log.push(log::Request {
            method: request.method.to_string(),
            path: request.target.to_owned(),
            status: 0,
            authorization: authorization(request.headers),
            received: 0,
            sent: 0,
            is_at_storage_host: request.is_at_storage_host,
            fault,
        });
        (running, log.len() - 1)
    }

    fn end(&self, entry: usize, received: u64, status: u16, sent: u64) {
        let mut log = self.log();
        // The log may have been cleared since.
        let Some(request) = log.get_mut(entry) else { return };
        (request.received, request.status, request.sent) = (received, status, sent);
        if let Some(tell) = &self.tell {
            tell(request);
        }
    }
}

/// A request's body on its way in.
struct Receiving {
    body: Incoming,
    received: u64,
    /// The connection is reset when so many bytes are there.
    breaks: Option<u64>,
}

impl Receiving {
    /// Reads all of it, giving each piece to `take`.
    async fn drain(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Ended> {
        while let Some(frame) = self.body.frame().await {
            let Ok(data) = frame.map_err(|_| Ended)?.into_data() else { continue };
            let left = self.breaks.map_or(u64::MAX, |breaks| breaks - self.received);
            let kept = usize::try_from(left).unwrap_or(usize::MAX).min(data.len());
            self.received += kept as u64;
            take(&data[..kept]);
            if self.breaks == Some(self.received) {
                return Err(Ended);
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Answers a request; an error ends the connection.
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> Result<Response<Body>, Ended> {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let seen = Seen {
            method: &parts.method,
            target: &target,
            headers: &parts.headers,
            is_at_storage_host: self.is_at_storage_host,
        };
        let (fault, text) = self.state.rules().iter_mut().find_map(|rule| rule.strike(&seen)).unzip();
        let (running, entry) = self.state.begin(&seen, text.flatten());
        let breaks = if let Some(Fault::ResetReceiving(count)) = fault { Some(count as u64) } else { None };
        let mut body = Receiving { body, received: 0, breaks };
        let reply = self.reply(&parts, &target, &mut body, fault.as_ref()).await;
        let is_unanswered = matches!(fault, Some(Fault::ResetUnanswered));
        let Ok(reply) = reply.and_then(|reply| if is_unanswered { Err(Ended) } else { Ok(reply) }) else {
            self.cord.resets.store(true, Ordering::Relaxed);
            self.state.end(entry, body.received, 0, 0);
            return Err(Ended);
        };
        let is_head = parts.method == Method::HEAD;
        self.state.end(entry, body.received, reply.status, if is_head { 0 } else { reply.length });
        let stalls = matches!(fault, Some(Fault::Stall(None)));
        if stalls {
            std::future::pending::<()>().await;
        }
        self.sent(reply, fault, is_head, running)
    }

    async fn reply(
        &self,
        parts: &Parts,
        target: &str,
        body: &mut Receiving,
        fault: Option<&Fault>,
    ) -> Result<Reply, Ended> {
        if matches!(fault, Some(Fault::ResetBefore)) {
            return Err(Ended);
        }
        if let Some(reply) = self.in_place_of(target, fault) {
            body.drain(|_| {}).await?;
            return Ok(reply);
        }
        let base = self.base(parts);
        let asked = Asked { method: &parts.method, target, headers: &parts.headers, base: &base };
        if matches!(fault, Some(Fault::TokenExpires)) {
            self.state.login.expire(&parts.headers);
        }
        let path = target.split('?').next().unwrap_or_default();
        let route = Route::of(path);
        if matches!(route, Route::Token) {
            return self.token(&asked, body).await;
        }
        let checked = if self.is_at_storage_host {
            check_signature(&asked)
        } else {
            self.state.login.check(&self.state.options.auth, &asked, route)
        };
        if let Err(denied) = checked {
            body.drain(|_| {}).await?;
            return Ok(refusal(denied));
        }
        if matches!(fault, Some(Fault::ForgetUpload)) {
            self.state.storage().forget_uploads();
        }
        let knows_ranges = !matches!(fault, Some(Fault::NoRanges));
        let mut call = Call { method: &parts.method, target, headers: &parts.headers, body: Vec::new(), knows_ranges };
        if let Route::Uploads { name } | Route::Upload { name, .. } = route {
            return self.upload(&call, body, route, name, matches!(fault, Some(Fault::NoMount))).await;
        }
        body.drain(|piece| {
            if call.body.len() <= MAXIMUM_DOCUMENT {
                call.body.extend_from_slice(piece);
            }
        })
        .await?;
        if call.body.len() > MAXIMUM_DOCUMENT {
            return Ok(Reply::error(413, "SIZE_INVALID", "the manifest is too long"));
        }
        Ok(answer(&mut self.state.storage(), &self.state.options, &call, route))
    }

    async fn upload(
        &self,
        call: &Call<'_>,
        body: &mut Receiving,
        route: Route<'_>,
        name: &str,
        no_mount: bool,
    ) -> Result<Reply, Ended> {
        let mut options = self.state.options.clone();
        options.mounts &= !no_mount;
        let begun = begin_upload(&mut self.state.storage(), &options, call, route);
        let receipt: Receipt = match begun {
            Ok(receipt) => receipt,
            Err(reply) => {
                body.drain(|_| {}).await?;
                return Ok(reply);
            }
        };
        let mut failed = None;
        let take = |piece: &[u8]| {
            if let Err(error) = self.state.storage().extend_upload(&receipt.id, piece) {
                failed = Some(error);
            }
        };
        body.drain(take).await?;
        if let Some(error) = failed {
            return Ok(Reply::broken(&error));
        }
        Ok(receipt.finish(&mut self.state.storage(), name))
    }

    async fn token(&self, asked: &Asked<'_>, body: &mut Receiving) -> Result<Reply, Ended> {
        let mut form = Vec::new();
        body.drain(|piece| form.extend_from_slice(piece)).await?;
        let Auth::Token(server) = &self.state.options.auth else {
            return Ok(Reply::error(404, "NOT_FOUND", "there is no token server"));
        };
        let token = self.state.login.token(server, asked, &String::from_utf8_lossy(&form));
        Ok(token.map_or_else(refusal, |token| Reply::new(200).header("content-type", "application/json").bytes(token)))
    }

    /// What is answered where a request is not carried out.
    fn in_place_of(&self, target: &str, fault: Option<&Fault>) -> Option<Reply> {
        let with = |status: u16, headers: &[(&'static str, String)]| {
            let mut reply = Reply::new(status);
            reply.headers = headers.to_vec();
            reply
        };
        let redirect = |to: String| Reply::new(307).header("location", to);
        match fault? {
            Fault::Status(status, headers) => Some(with(*status, headers)),
            Fault::Answer(status, headers, body) => Some(with(*status, headers).bytes(body.clone())),
            Fault::Redirect(to) => Some(redirect(format!("{to}{target}"))),
            Fault::ToStorageHost => {
                let host = self.state.storage_host?;
                let separator = if target.contains('?') { '&' } else { '?' };
                let scheme = if self.is_secure { "https" } else { "http" };
                Some(redirect(format!("{scheme}://{host}{target}{separator}signature={SIGNATURE}")))
            }
            _ => None,
        }
    }

    /// Scheme and host, as the client has them.
    fn base(&self, parts: &Parts) -> String {
        let scheme = if self.is_secure { "https" } else { "http" };
        let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
        format!("{scheme}://{host}")
    }

    fn sent(
        &self,
        mut reply: Reply,
        fault: Option<Fault>,
        is_head: bool,
        running: Running,
    ) -> Result<Response<Body>, Ended> {
        let (mut has_length, mut ending, mut pace) = (true, Ending::Whole, None);
        let (mut body_length, mut declared) = (reply.length, reply.length);
        match fault {
            Some(Fault::ResetIn(count)) => (body_length, ending) = (body_length.min(count as u64), Ending::Reset),
            Some(Fault::ResetAfter) => ending = Ending::Reset,
            Some(Fault::Truncate(count)) => (body_length, ending) = (body_length.min(count as u64), Ending::Stop),
            Some(Fault::TruncateSilently(count)) => {
                body_length = body_length.min(count as u64);
                declared = body_length;
            }
            Some(Fault::NoLength) => has_length = false,
            Some(Fault::Stall(Some(count))) => (body_length, ending) = (body_length.min(count as u64), Ending::Stall),
            Some(Fault::Slow(pause)) => pace = Some(pause),
            Some(Fault::NoDigestHeader) => reply.headers.retain(|(name, _)| *name != "docker-content-digest"),
            Some(Fault::WrongDigestHeader) => set(&mut reply, "docker-content-digest", &format!("sha256:{:064}", 0)),
            Some(Fault::ContentType(media_type)) => set(&mut reply, "content-type", &media_type),
            Some(Fault::Body(bytes)) => {
                reply = reply.bytes(bytes);
                (body_length, declared) = (reply.length, reply.length);
            }
            Some(Fault::Damage) => damage(&mut reply).map_err(|_| Ended)?,
            _ => {}
        }
        let mut response =
            Response::builder().status(reply.status).header("docker-distribution-api-version", "registry/2.0");
        for (name, value) in &reply.headers {
            response = response.header(*name, value);
        }
        if has_length && reply.status != 204 {
            response = response.header("content-length", declared);
        }
        let reader = reply.content.open(reply.start).map_err(|_| Ended)?;
        let mut body = Body::new(reader, if is_head { 0 } else { body_length }, self.cord.clone(), running);
        (body.ending, body.pace) = (if is_head { Ending::Whole } else { ending }, pace);
        response.body(body).map_err(|_| Ended)
    }
}

/// At the storage host the signature of the address is the only right, and credentials beside it are an error.
fn check_signature(asked: &Asked<'_>) -> Result<(), Denied> {
    let is_signed = query(asked.target, "signature").is_some_and(|signature| signature == SIGNATURE);
    let reads = matches!(*asked.method, Method::GET | Method::HEAD);
    let has_credentials = asked.headers.contains_key(hyper::header::AUTHORIZATION);
    if is_signed && reads && !has_credentials { Ok(()) } else { Err(Denied::Forbidden) }
}

fn refusal(denied: Denied) -> Reply {
    match denied {
        Denied::Challenge(challenge) => {
            Reply::error(401, "UNAUTHORIZED", "authentication required").header("www-authenticate", challenge)
        }
        Denied::Forbidden => Reply::error(403, "DENIED", "requested access to the resource is denied"),
    }
}

fn set(reply: &mut Reply, name: &'static str, value: &str) {
    reply.headers.retain(|(own, _)| *own != name);
    reply.headers.push((name, value.to_owned()));
}

/// Changes the first byte that is sent.
fn damage(reply: &mut Reply) -> std::io::Result<()> {
    let mut bytes = reply.content.bytes()?.to_vec();
    let start = usize::try_from(reply.start).unwrap_or(usize::MAX);
    if let Some(byte) = bytes.get_mut(start) {
        *byte ^= 1;
    }
    reply.content = Content::Memory(bytes.into());
    Ok(())
}
