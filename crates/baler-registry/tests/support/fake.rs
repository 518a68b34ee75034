//! A registry in this process: in memory, over plain sockets, with faults as rules and a log of what was asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use baler_image::Digest;

/// What happens to a request that fits, so many times.
#[derive(Clone)]
pub struct Rule {
    pub method: &'static str,
    /// A part of the path.
    pub path: &'static str,
    pub times: usize,
    pub fault: Fault,
}

#[derive(Clone)]
pub enum Fault {
    /// This status with these headers, instead of an answer.
    Status(u16, String),
    /// The answer, but the connection ends after so many bytes of its body.
    CutBody(usize),
    /// The connection ends before the answer; the request is not carried out.
    Hangup,
    /// The connection ends before the answer; the request is carried out.
    HangupAfter,
    /// The body with its first byte changed.
    Damage,
    /// Another type than it is.
    WrongType,
}

pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Default)]
pub struct State {
    pub blobs: BTreeMap<String, Vec<u8>>,
    pub manifests: BTreeMap<String, (String, Vec<u8>)>,
    pub uploads: BTreeMap<String, Vec<u8>>,
    pub rules: Vec<Rule>,
    /// Method, path and whether there was an authorisation.
    pub log: Vec<(String, String, Option<String>)>,
    /// A token is wanted, which is good for so many requests.
    pub token_uses: Option<usize>,
    pub tokens: BTreeMap<String, usize>,
    pub knows_ranges: bool,
    next: usize,
}

#[derive(Clone)]
pub struct Fake {
    pub address: String,
    pub state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State { knows_ranges: true, ..State::default() }));
        let fake = Self { address, state };
        let own = fake.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let fake = own.clone();
                std::thread::spawn(move || fake.serve(&stream));
            }
        });
        fake
    }

    pub fn rule(&self, method: &'static str, path: &'static str, times: usize, fault: Fault) {
        self.state.lock().unwrap().rules.push(Rule { method, path, times, fault });
    }

    pub fn asked(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        state.log.iter().map(|(method, path, _)| format!("{method} {path}")).collect()
    }

    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let mut state = self.state.lock().unwrap();
            let authorization = request.headers.get("authorization").cloned();
            state.log.push((request.method.clone(), request.path.clone(), authorization));
            let fits =
                |rule: &&mut Rule| rule.times > 0 && rule.method == request.method && request.path.contains(rule.path);
            let fault = state.rules.iter_mut().find(fits).map(|rule| {
                rule.times -= 1;
                rule.fault.clone()
            });
            let (status, mut headers, mut body) = match &fault {
                Some(Fault::Hangup) => return,
                Some(Fault::Status(status, headers)) => (*status, headers.clone(), Vec::new()),
                _ => state.answer(&request, &self.address),
            };
            drop(state);
            let mut cut = None;
            match fault {
                Some(Fault::HangupAfter) => return,
                Some(Fault::Damage) if !body.is_empty() => body[0] ^= 1,
                Some(Fault::CutBody(length)) => cut = Some(length),
                Some(Fault::WrongType) => "content-type: text/html\r\n".clone_into(&mut headers),
                _ => {}
            }
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
            let mut stream = stream;
            let body =
                if request.method == "HEAD" { &[][..] } else { &body[..cut.unwrap_or(body.len()).min(body.len())] };
            if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() || cut.is_some() {
                return;
            }
        }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

type Reply = (u16, String, Vec<u8>);

impl State {
    fn answer(&mut self, request: &Request, address: &str) -> Reply {
        if request.path.starts_with("/token") {
            self.next += 1;
            let token = format!("token-{}", self.next);
            self.tokens.insert(token.clone(), self.token_uses.unwrap_or(usize::MAX));
            return (200, String::new(), format!(r#"{{"token":"{token}","expires_in":300}}"#).into_bytes());
        }
        if self.token_uses.is_some() {
            let token = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
            match token.and_then(|token| self.tokens.get_mut(token)) {
                Some(uses) if *uses > 0 => *uses -= 1,
                _ => {
                    let realm = format!("Bearer realm=\"http://{address}/token\",service=\"fake\"");
                    return (401, format!("www-authenticate: {realm}\r\n"), Vec::new());
                }
            }
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        if let Some((_, reference)) = path.split_once("/manifests/") {
            return self.manifest(request, reference);
        }
        if let Some((_, upload)) = path.split_once("/blobs/uploads/") {
            return self.upload(request, path, upload, query);
        }
        let Some((_, digest)) = path.split_once("/blobs/") else { return missing() };
        let Some(blob) = self.blobs.get(digest) else { return missing() };
        let start = request.headers.get("range").filter(|_| self.knows_ranges);
        match start.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()) {
            Some(start) => {
                let range = format!("content-range: bytes {start}-{}/{}\r\n", blob.len() - 1, blob.len());
                (206, range, blob[start..].to_vec())
            }
            None => (200, String::new(), blob.clone()),
        }
    }

    fn manifest(&mut self, request: &Request, reference: &str) -> Reply {
        if request.method == "PUT" {
            let entry = (request.headers["content-type"].clone(), request.body.clone());
            self.manifests.insert(Digest::of(&request.body).to_string(), entry.clone());
            self.manifests.insert(reference.to_owned(), entry);
            return (201, String::new(), Vec::new());
        }
        let Some((media_type, body)) = self.manifests.get(reference) else { return missing() };
        (200, format!("content-type: {media_type}\r\n"), body.clone())
    }

    fn upload(&mut self, request: &Request, path: &str, upload: &str, query: &str) -> Reply {
        if request.method == "POST" {
            self.next += 1;
            let name = format!("u{}", self.next);
            self.uploads.insert(name.clone(), Vec::new());
            return (202, format!("location: {path}{name}?state=s\r\n"), Vec::new());
        }
        let Some(bytes) = self.uploads.get_mut(upload) else { return missing() };
        let location = format!("location: {path}?state=s\r\n");
        match request.method.as_str() {
            "PATCH" => {
                let start = request.headers["content-range"].split('-').next().unwrap().parse::<usize>().unwrap();
                if start != bytes.len() {
                    return (416, location, Vec::new());
                }
                bytes.extend_from_slice(&request.body);
                (202, location, Vec::new())
            }
            "PUT" => {
                bytes.extend_from_slice(&request.body);
                let digest = query.split('&').find_map(|part| part.strip_prefix("digest=")).unwrap();
                if Digest::of(bytes).to_string() != digest {
                    return (400, String::new(), br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#.to_vec());
                }
                let bytes = self.uploads.remove(upload).unwrap();
                self.blobs.insert(digest.to_owned(), bytes);
                (201, String::new(), Vec::new())
            }
            "GET" => {
                let end = bytes.len().saturating_sub(1);
                (204, format!("{location}range: 0-{end}\r\n"), Vec::new())
            }
            _ => {
                self.uploads.remove(upload);
                (204, String::new(), Vec::new())
            }
        }
    }
}

fn missing() -> Reply {
    (404, String::new(), br#"{"errors":[{"code":"NAME_UNKNOWN","message":"x"}]}"#.to_vec())
}
