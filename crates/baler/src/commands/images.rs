//! `baler images`.

use std::process::ExitCode;
use std::time::SystemTime;

use baler_platform::images::{self, ListedImage};
use serde_json::json;

use super::format::{bytes, table, time};
use crate::arguments::{ImagesArguments, ListFormat};
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &ImagesArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let images = images::list(host.store())?;
    match arguments.output {
        ListFormat::Json => {
            let values: Vec<_> = images.iter().map(value).collect();
            console.result(&serde_json::to_string_pretty(&values)?);
        }
        ListFormat::Table => {
            let mut rows = vec![["NAME", "DIGEST", "PLATFORM", "SIZE", "WRITTEN"].map(str::to_owned).to_vec()];
            rows.extend(images.iter().map(row));
            for line in table(&rows) {
                console.result(&line);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn row(image: &ListedImage) -> Vec<String> {
    vec![
        image.reference.familiar(),
        image.digest.short().to_owned(),
        image.platform.as_ref().map_or("-".to_owned(), ToString::to_string),
        image.size.map_or("damaged".to_owned(), bytes),
        time(image.written),
    ]
}

fn value(image: &ListedImage) -> serde_json::Value {
    let seconds = image.written.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    json!({
        "name": image.reference.to_string(),
        "digest": image.digest.to_string(),
        "platform": image.platform.as_ref().map(ToString::to_string),
        "size": image.size,
        "written": seconds,
    })
}
