//! A server that gives prepared answers.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Answers, by what the path ends with: everything that is sent.
pub type Answers = &'static [(&'static str, &'static str)];

/// Listens at `socket`, and answers for as long as the test runs.
pub fn serve(socket: &Path, answers: Answers) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(&stream.unwrap(), answers);
        }
    });
}

fn answer(mut stream: &UnixStream, answers: Answers) {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    if lines.read_line(&mut first).is_err() {
        return;
    }
    let mut is_chunked = false;
    loop {
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) if line == "\r\n" => break,
            Ok(_) => is_chunked |= line.to_ascii_lowercase().starts_with("transfer-encoding: chunked"),
        }
    }
    while is_chunked {
        let mut size = String::new();
        let Ok(1..) = lines.read_line(&mut size) else { return };
        let Ok(size) = u64::from_str_radix(size.trim(), 16) else { return };
        std::io::copy(&mut lines.by_ref().take(size + 2), &mut std::io::sink()).unwrap();
        is_chunked = size > 0;
    }
    let path = first.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default();
    let found = answers.iter().find(|(end, _)| path.ends_with(end));
    let text =
        found.map_or("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", |(_, text)| text);
    // Who asked may have gone.
    let _ = stream.write_all(text.as_bytes());
}
