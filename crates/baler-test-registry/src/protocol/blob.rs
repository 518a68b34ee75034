//! Blobs on their way down ("Pulling blobs").

use baler_image::Digest;

use super::{Call, Reply};
use crate::storage::Storage;

fn unknown() -> Reply {
    Reply::error(404, "BLOB_UNKNOWN", "blob unknown to registry")
}

pub(super) fn get(storage: &Storage, call: &Call<'_>, name: &str, digest: &str) -> Reply {
    let Ok(digest) = digest.parse::<Digest>() else {
        return Reply::error(400, "DIGEST_INVALID", "this is no digest");
    };
    let Some(content) = storage.blob(name, &digest) else { return unknown() };
    let reply = Reply::new(200)
        .header("content-type", "application/octet-stream")
        .header("docker-content-digest", digest.to_string())
        .header("accept-ranges", "bytes")
        .content(content.clone());
    let range = call.headers.get("range").and_then(|value| value.to_str().ok()).filter(|_| call.knows_ranges);
    match range.map(|range| part(range, content.length())) {
        None => reply,
        Some(None) => Reply::new(416).header("content-range", format!("bytes */{}", content.length())),
        Some(Some((start, end))) => {
            let mut reply = reply.header("content-range", format!("bytes {start}-{end}/{}", content.length()));
            (reply.status, reply.start, reply.length) = (206, start, end + 1 - start);
            reply
        }
    }
}

/// First and last byte of `bytes=FIRST-LAST`, where that is a part of so many bytes.
fn part(range: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let first = first.parse().ok()?;
    let last =
        if last.is_empty() { length.checked_sub(1)? } else { last.parse::<u64>().ok()?.min(length.checked_sub(1)?) };
    (first <= last).then_some((first, last))
}

pub(super) fn delete(storage: &mut Storage, name: &str, digest: &str) -> Reply {
    let Ok(digest) = digest.parse::<Digest>() else { return unknown() };
    if !storage.repository_mut(name).blobs.remove(&digest) {
        return unknown();
    }
    storage.save().map_or_else(|error| Reply::broken(&error), |()| Reply::new(202))
}
