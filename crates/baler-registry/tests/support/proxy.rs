//! A proxy for tests. The end-to-end tests of `baler` use this file as well.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A proxy for `CONNECT`, that leads all names to one address, and writes down what it was asked.
pub struct Proxy {
    pub address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts one that lets in `user` with the password `pass`.
    pub fn start(to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let own = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (to, asked) = (to.clone(), Arc::clone(&own));
                std::thread::spawn(move || serve(&stream, &to, &asked));
            }
        });
        Self { address, asked }
    }

    /// The heads of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, to: &str, asked: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    asked.lock().unwrap().push(head.clone());
    let mut out = stream.try_clone().unwrap();
    // user:pass
    if !head.contains("Basic dXNlcjpwYXNz") {
        let _ = out.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
        return;
    }
    let upstream = TcpStream::connect(to).unwrap();
    out.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
    let (mut from_upstream, mut into_upstream) = (upstream.try_clone().unwrap(), upstream);
    std::thread::spawn(move || std::io::copy(&mut from_upstream, &mut out));
    let mut buffer = [0; 4096];
    while let Ok(count) = reader.read(&mut buffer) {
        if count == 0 || into_upstream.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = into_upstream.shutdown(std::net::Shutdown::Both);
}
