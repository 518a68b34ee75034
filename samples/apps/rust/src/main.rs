//! Counts visits: an ordinary web application that knows nothing of buildpacks.

use std::collections::BTreeMap;
use std::error::Error;

use serde_json::json;
use tiny_http::{Header, Request, Response, Server};

const TITLE: &str = "Visits";

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".into());
    let server = Server::http(format!("0.0.0.0:{port}"))?;
    println!("listening on port {port}");
    let mut visits = BTreeMap::new();
    for request in server.incoming_requests() {
        answer(request, &mut visits)?;
    }
    Ok(())
}

/// Counts the page that is asked for, and answers with all counts: as JSON below `/api`, else as a page.
fn answer(request: Request, visits: &mut BTreeMap<String, u64>) -> std::io::Result<()> {
    let path = request.url().to_owned();
    if path == "/api" {
        return request.respond(response(json!({ "visits": visits }).to_string(), "application/json"));
    }
    *visits.entry(path).or_insert(0) += 1;
    let rows: String = visits.iter().map(|(path, count)| format!("<li>{}: {count}\n", escaped(path))).collect();
    let page = format!("<!doctype html>\n<title>{TITLE}</title>\n<h1>{TITLE}</h1>\n<ul>\n{rows}</ul>\n");
    request.respond(response(page, "text/html; charset=utf-8"))
}

fn response(body: String, content_type: &str) -> Response<std::io::Cursor<Vec<u8>>> {
    let header = Header::from_bytes("Content-Type", content_type).expect("the type is plain text");
    Response::from_string(body).with_header(header)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
