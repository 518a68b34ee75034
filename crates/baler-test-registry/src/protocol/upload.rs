//! Blobs on their way up ("Pushing blobs"): in one request, in two, in chunks, or taken over from another repository.

use baler_image::Digest;
use hyper::Method;

use super::{Call, Reply};
use crate::options::Options;
use crate::route::{Route, query};
use crate::storage::{FinishError, Storage};

/// What is done with the body of a request: it is added to this upload, and then the upload is answered.
pub(crate) struct Receipt {
    pub(crate) id: String,
    ending: Ending,
}

enum Ending {
    /// More comes.
    Chunk,
    /// The upload becomes a blob.
    Blob(Digest),
}

fn unknown() -> Reply {
    Reply::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
}

fn invalid() -> Reply {
    Reply::error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
}

fn progress(status: u16, name: &str, id: &str, length: u64) -> Reply {
    Reply::new(status)
        .header("location", format!("/v2/{name}/blobs/uploads/{id}?_state={length}"))
        .header("range", format!("0-{}", length.saturating_sub(1)))
        .header("docker-upload-uuid", id)
}

/// What is done with an upload before its body is read: an answer at once, or where the body goes.
pub(crate) fn begin(
    storage: &mut Storage,
    options: &Options,
    call: &Call<'_>,
    route: Route<'_>,
) -> Result<Receipt, Reply> {
    match route {
        Route::Uploads { name } if *call.method == Method::POST => begin_new(storage, options, call, name),
        Route::Upload { name, id } => begin_known(storage, call, name, id),
        _ => Err(Reply::error(405, "UNSUPPORTED", "the method is not one of this path")),
    }
}

fn begin_new(storage: &mut Storage, options: &Options, call: &Call<'_>, name: &str) -> Result<Receipt, Reply> {
    let mounted = query(call.target, "mount").and_then(|digest| digest.parse::<Digest>().ok());
    if let (Some(digest), Some(from)) = (mounted, query(call.target, "from"))
        && options.mounts
        && storage.blob(&from, &digest).is_some()
    {
        storage.repository_mut(name).blobs.insert(digest.clone());
        storage.save().map_err(|error| Reply::broken(&error))?;
        return Err(made(name, &digest));
    }
    let whole = query(call.target, "digest").map(|digest| digest.parse::<Digest>());
    let whole = whole.transpose().map_err(|_| invalid())?;
    let id = storage.begin_upload(name).map_err(|error| Reply::broken(&error))?;
    match whole {
        Some(digest) => Ok(Receipt { id, ending: Ending::Blob(digest) }),
        None => Err(progress(202, name, &id, 0)),
    }
}

fn made(name: &str, digest: &Digest) -> Reply {
    Reply::new(201)
        .header("location", format!("/v2/{name}/blobs/{digest}"))
        .header("docker-content-digest", digest.to_string())
}

fn begin_known(storage: &mut Storage, call: &Call<'_>, name: &str, id: &str) -> Result<Receipt, Reply> {
    let Some(length) = storage.upload(name, id) else { return Err(unknown()) };
    let id = id.to_owned();
    match *call.method {
        Method::GET => Err(progress(204, name, &id, length)),
        Method::DELETE => {
            storage.drop_upload(&id);
            Err(Reply::new(204))
        }
        Method::PATCH | Method::PUT => {
            let range = call.headers.get("content-range").and_then(|value| value.to_str().ok());
            let start = range.map(|range| range.trim_start_matches("bytes ").split('-').next().unwrap_or_default());
            if start.is_some_and(|start| start.parse() != Ok(length)) {
                return Err(progress(416, name, &id, length));
            }
            if *call.method == Method::PATCH {
                return Ok(Receipt { id, ending: Ending::Chunk });
            }
            let digest = query(call.target, "digest").and_then(|digest| digest.parse().ok()).ok_or_else(invalid)?;
            Ok(Receipt { id, ending: Ending::Blob(digest) })
        }
        _ => Err(Reply::error(405, "UNSUPPORTED", "the method is not one of this path")),
    }
}

impl Receipt {
    /// Answers, when the body is there.
    pub(crate) fn finish(self, storage: &mut Storage, name: &str) -> Reply {
        match self.ending {
            Ending::Chunk => match storage.upload(name, &self.id) {
                Some(length) => progress(202, name, &self.id, length),
                None => unknown(),
            },
            Ending::Blob(digest) => match storage.finish_upload(&self.id, &digest) {
                Ok(()) => made(name, &digest),
                Err(FinishError::Unknown) => unknown(),
                Err(FinishError::Digest) => invalid(),
                Err(FinishError::Io(error)) => Reply::broken(&error),
            },
        }
    }
}
