//! Manifests and indexes, and what refers to them ("Pulling manifests", "Pushing manifests", "Listing referrers").

use baler_image::{Digest, media_type};
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Call, Reply};
use crate::options::Options;
use crate::route::{is_tag, query};
use crate::storage::Storage;

fn unknown() -> Reply {
    Reply::error(404, "MANIFEST_UNKNOWN", "manifest unknown")
}

pub(super) fn get(storage: &Storage, name: &str, reference: &str) -> Reply {
    if storage.repository(name).is_none() {
        return Reply::error(404, "NAME_UNKNOWN", "repository name not known to registry");
    }
    let Some((digest, media_type, content)) = storage.manifest(name, reference) else { return unknown() };
    Reply::new(200)
        .header("content-type", media_type)
        .header("docker-content-digest", digest.to_string())
        .content(content.clone())
}

pub(super) fn put(storage: &mut Storage, options: &Options, call: &Call<'_>, name: &str, reference: &str) -> Reply {
    let digest = Digest::of(&call.body);
    let wanted = reference.parse::<Digest>();
    if wanted.as_ref().is_ok_and(|wanted| *wanted != digest) {
        return Reply::error(400, "DIGEST_INVALID", "the manifest has another digest");
    }
    if wanted.is_err() && !is_tag(reference) {
        return Reply::error(400, "TAG_INVALID", "this is no tag");
    }
    let Ok(document) = serde_json::from_slice::<Value>(&call.body) else {
        return Reply::error(400, "MANIFEST_INVALID", "the manifest is no JSON");
    };
    if options.checks_references
        && let Some(absent) = absent(storage, name, &document)
    {
        return Reply::error(404, "MANIFEST_BLOB_UNKNOWN", &format!("{absent} is not in this repository"));
    }
    let media_type = call.headers.get("content-type").and_then(|value| value.to_str().ok());
    let media_type = media_type.or(document["mediaType"].as_str()).unwrap_or(media_type::OCI_MANIFEST).to_owned();
    let subject = document["subject"]["digest"].as_str().filter(|_| options.has_referrers).map(str::to_owned);
    if let Err(error) =
        store(storage, name, wanted.is_err().then_some(reference), &media_type, call.body.clone().into())
    {
        return Reply::broken(&error);
    }
    let reply = Reply::new(201)
        .header("location", format!("/v2/{name}/manifests/{digest}"))
        .header("docker-content-digest", digest.to_string());
    match subject {
        Some(subject) => reply.header("oci-subject", subject),
        None => reply,
    }
}

/// Puts a manifest without looking into it.
pub(crate) fn store(
    storage: &mut Storage,
    name: &str,
    tag: Option<&str>,
    media_type: &str,
    bytes: Bytes,
) -> std::io::Result<Digest> {
    let digest = Digest::of(&bytes);
    storage.put(&digest, bytes)?;
    let repository = storage.repository_mut(name);
    repository.manifests.insert(digest.clone(), media_type.to_owned());
    if let Some(tag) = tag {
        repository.tags.insert(tag.to_owned(), digest.clone());
    }
    storage.save()?;
    Ok(digest)
}

/// Something that the manifest needs and the repository lacks.
fn absent<'a>(storage: &Storage, name: &str, document: &'a Value) -> Option<&'a str> {
    let each = |key: &str| document[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_elsewhere = |descriptor: &&Value| descriptor["urls"].is_array();
    let config = Some(&document["config"]).filter(|config| config.is_object());
    let blobs = each("layers").iter().filter(|layer| !is_elsewhere(layer)).chain(config);
    let has = |digest: &str| digest.parse().is_ok_and(|digest| storage.blob(name, &digest).is_some());
    let absent = blobs.filter_map(|blob| blob["digest"].as_str()).find(|digest| !has(digest));
    let mut children = each("manifests").iter().filter_map(|child| child["digest"].as_str());
    absent.or_else(|| children.find(|digest| storage.manifest(name, digest).is_none()))
}

pub(super) fn delete(storage: &mut Storage, name: &str, reference: &str) -> Reply {
    let repository = storage.repository_mut(name);
    let was_there = if let Ok(digest) = reference.parse::<Digest>() {
        repository.tags.retain(|_, tagged| *tagged != digest);
        repository.manifests.remove(&digest).is_some()
    } else {
        repository.tags.remove(reference).is_some()
    };
    if !was_there {
        return unknown();
    }
    storage.save().map_or_else(|error| Reply::broken(&error), |()| Reply::new(202))
}

pub(super) fn referrers(storage: &Storage, target: &str, name: &str, digest: &str) -> Reply {
    let wanted_type = query(target, "artifactType");
    let manifests = storage.repository(name).into_iter().flat_map(|repository| &repository.manifests);
    let entry = |(own, media_type): (&Digest, &String)| {
        let (_, _, content) = storage.manifest(name, &own.to_string())?;
        let document: Value = serde_json::from_slice(&content.bytes().ok()?).ok()?;
        (document["subject"]["digest"] == digest).then_some(())?;
        let kind = document["artifactType"].as_str().or(document["config"]["mediaType"].as_str());
        if wanted_type.is_some() && wanted_type.as_deref() != kind {
            return None;
        }
        let mut entry = json!({"mediaType": media_type, "size": content.length(), "digest": own.to_string()});
        if let Some(kind) = kind {
            entry["artifactType"] = kind.into();
        }
        if document["annotations"].is_object() {
            entry["annotations"] = document["annotations"].clone();
        }
        Some(entry)
    };
    let entries: Vec<Value> = manifests.filter_map(entry).collect();
    let index = json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": entries});
    let mut reply = Reply::new(200).header("content-type", media_type::OCI_INDEX).bytes(index.to_string().into_bytes());
    if wanted_type.is_some() {
        reply = reply.header("oci-filters-applied", "artifactType");
    }
    reply
}
