//! The steps for programs.

use baler_image::{Disagreement, DocumentKind, Identity, Reason, ResolveStep, ResolvedImage, Verdict};
use serde_json::{Map, Value, json};

use super::{Trace, text};

pub(super) fn value(trace: &Trace) -> Value {
    let steps = trace.steps.iter().map(|(place, step)| {
        let mut object = json!({ "place": place.to_string() });
        if let (Value::Object(object), Value::Object(fields)) = (&mut object, step_value(step)) {
            object.extend(fields);
        }
        object
    });
    let (image, error) = match &trace.result {
        Ok(located) => (image_value(&located.image), Value::Null),
        Err(error) => (Value::Null, Value::from(error.to_string())),
    };
    json!({
        "name": trace.name.given(),
        "wanted": trace.wanted.to_string(),
        "steps": steps.collect::<Vec<_>>(),
        "image": image,
        "error": error,
    })
}

fn step_value(step: &ResolveStep) -> Value {
    match step {
        ResolveStep::Found { digest, media_type, size, kind } => {
            let kind = match kind {
                DocumentKind::Index => "index",
                DocumentKind::Manifest => "manifest",
            };
            json!({ "step": "found", "kind": kind, "digest": digest, "media_type": media_type, "size": size })
        }
        ResolveStep::Entry { index, descriptor, verdict } => {
            let (verdict, rank) = match verdict {
                Verdict::Fits { rank } => ("fits", Some(*rank)),
                Verdict::OtherPlatform => ("other-platform", None),
                Verdict::WithoutPlatform => ("without-platform", None),
                Verdict::Index => ("index", None),
                Verdict::NoImage => ("no-image", None),
            };
            let platform = descriptor.platform.as_ref().map(ToString::to_string);
            json!({
                "step": "entry", "index": index, "digest": descriptor.digest, "platform": platform,
                "verdict": verdict, "rank": rank,
            })
        }
        ResolveStep::Chosen { digest, reason } => {
            let reason = match reason {
                Reason::Exact => "exact",
                Reason::Closest => "closest",
                Reason::Config => "config",
                Reason::Listed => "listed",
            };
            json!({ "step": "chosen", "digest": digest, "reason": reason })
        }
        ResolveStep::Disagreement(Disagreement { index, digest, listed, stated }) => json!({
            "step": "disagreement", "index": index, "digest": digest,
            "listed": listed.to_string(), "stated": stated.to_string(),
        }),
        ResolveStep::Config { digest, platform } => {
            json!({ "step": "config", "digest": digest, "platform": platform.as_ref().map(ToString::to_string) })
        }
    }
}

fn image_value(image: &ResolvedImage) -> Value {
    let (manifest, image_id) = match image.identity() {
        Identity::Manifest(digest) => (Some(digest), None),
        Identity::ImageId(digest) => (None, Some(digest)),
    };
    let layers = image.layers().iter().map(
        |layer| json!({ "digest": layer.descriptor.digest, "diff_id": layer.diff_id, "size": layer.descriptor.size }),
    );
    let labels = text::labels(image).map(|(name, value)| (name.clone(), Value::from(value.as_str())));
    json!({
        "index_digest": image.index_digest(),
        "digest": manifest,
        "image_id": image_id,
        "platform": image.platform().to_string(),
        "place": image.place().to_string(),
        "layers": layers.collect::<Vec<_>>(),
        "labels": labels.collect::<Map<_, _>>(),
    })
}
