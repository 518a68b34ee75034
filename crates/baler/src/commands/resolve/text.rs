//! The steps for people.

use baler_image::{Descriptor, DocumentKind, Identity, Place, Reason, ResolveStep, ResolvedImage, Verdict};

use super::Trace;
use crate::commands::format::{bytes, table};

pub(super) fn lines(trace: &Trace) -> Vec<String> {
    let mut lines = vec![format!("Resolving '{}' for {}", trace.name, trace.wanted)];
    let mut current: Option<&Place> = None;
    let mut entries = Vec::new();
    for (place, step) in &trace.steps {
        if current != Some(place) {
            flush(&mut lines, &mut entries);
            lines.push(format!("In {place}:"));
            current = Some(place);
        }
        match step {
            ResolveStep::Entry { descriptor, verdict, .. } => entries.push(entry(descriptor, verdict)),
            ResolveStep::Found { .. }
            | ResolveStep::Chosen { .. }
            | ResolveStep::Config { .. }
            | ResolveStep::Disagreement(_) => {
                flush(&mut lines, &mut entries);
                lines.push(step_line(step));
            }
        }
    }
    flush(&mut lines, &mut entries);
    if let Ok(located) = &trace.result {
        lines.extend(image_lines(&located.image));
    }
    lines
}

/// Entries are a table; other steps are lines.
fn flush(lines: &mut Vec<String>, entries: &mut Vec<Vec<String>>) {
    lines.extend(table(entries).into_iter().map(|line| format!("    {line}")));
    entries.clear();
}

fn entry(descriptor: &Descriptor, verdict: &Verdict) -> Vec<String> {
    let platform = descriptor.platform.as_ref().map_or("-".to_owned(), ToString::to_string);
    let thought = match verdict {
        Verdict::Fits { rank: 0 } => "fits",
        Verdict::Fits { .. } => "fits, of an older variant",
        Verdict::OtherPlatform => "for another platform",
        Verdict::WithoutPlatform => "names no platform",
        Verdict::Index => "an index",
        Verdict::NoImage => "not an image",
    };
    vec![platform, descriptor.digest.to_string(), thought.to_owned()]
}

fn step_line(step: &ResolveStep) -> String {
    match step {
        ResolveStep::Found { digest, media_type, size, kind } => {
            let kind = match kind {
                DocumentKind::Index => "an index of images",
                DocumentKind::Manifest => "a single image",
            };
            let media_type = if media_type.is_empty() { "without a type" } else { media_type };
            format!("  found {kind}: {digest} ({media_type}, {})", bytes(*size))
        }
        ResolveStep::Chosen { digest, reason } => {
            let reason = match reason {
                Reason::Exact => "it is for the platform that is wanted",
                Reason::Closest => "it runs on the platform that is wanted, and nothing closer is there",
                Reason::Listed => "the index lists it for the platform that is wanted",
                Reason::Config => "its config names the platform that is wanted",
            };
            format!("  took {digest}: {reason}")
        }
        ResolveStep::Config { digest, platform } => {
            let platform = platform.as_ref().map_or("no platform".to_owned(), ToString::to_string);
            format!("  read config {digest}: {platform}")
        }
        ResolveStep::Disagreement(disagreement) => format!("  {disagreement}"),
        ResolveStep::Entry { .. } => String::new(),
    }
}

fn image_lines(image: &ResolvedImage) -> Vec<String> {
    let mut lines = vec![String::new(), "Image:".to_owned()];
    if let Some(index) = image.index_digest() {
        lines.push(format!("  Index:    {index}"));
    }
    lines.push(match image.identity() {
        Identity::Manifest(digest) => format!("  Manifest: {digest}"),
        Identity::ImageId(digest) => format!("  Image id: {digest}"),
    });
    if let (Some(reference), Identity::Manifest(digest)) = (image.name().reference(), image.identity()) {
        lines.push(format!("  Pinned:   {}", reference.at(digest.clone())));
    }
    lines.push(format!("  Platform: {}", image.platform()));
    lines.push(format!("  Place:    {}", image.place()));
    lines.push(format!("  Layers:   {}, {} together", image.layers().len(), bytes(image.size())));
    let rows: Vec<Vec<String>> = image
        .layers()
        .iter()
        .map(|layer| vec![bytes(layer.descriptor.size), layer.descriptor.digest.to_string()])
        .collect();
    lines.extend(table(&rows).into_iter().map(|line| format!("    {line}")));
    let labels: Vec<_> = labels(image).collect();
    if !labels.is_empty() {
        lines.push("  Labels:".to_owned());
        lines.extend(
            labels.iter().map(|(name, value)| format!("    {name}: {}", super::super::inspect::shortened(value))),
        );
    }
    lines
}

/// The labels that buildpacks, platforms and lifecycles read.
pub(super) fn labels(image: &ResolvedImage) -> impl Iterator<Item = (&String, &String)> {
    image.config().config.labels.iter().filter(|(name, _)| name.starts_with("io.buildpacks."))
}
