//! `--progress json`: everything that is said, one JSON object a line on standard output. docs/progress.md describes it.

use std::io::Write as _;
use std::sync::Mutex;
use std::time::Instant;

use baler_platform::output::{Event, Level};
use serde_json::{Map, Value, json};

/// Writes the lines.
#[derive(Debug)]
pub(super) struct JsonLines {
    began: Instant,
    /// Output of phases whose line has not ended.
    partial: Mutex<Vec<u8>>,
}

impl JsonLines {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), partial: Mutex::default() }
    }

    pub(super) fn line(&self, level: Level, text: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warning => "warning",
        };
        self.write("line", json!({ "level": level, "text": text }));
    }

    /// What a phase printed, a line at a time. Bytes that are no UTF-8 are replaced.
    pub(super) fn bytes(&self, bytes: &[u8]) {
        let Ok(mut partial) = self.partial.lock() else { return };
        partial.extend_from_slice(bytes);
        while let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = partial.drain(..=end).collect();
            self.write("output", json!({ "text": String::from_utf8_lossy(&line[..end]) }));
        }
    }

    pub(super) fn event(&self, event: &Event) {
        let (kind, task, fields) = match event {
            Event::Started { task, total } => {
                ("started", task, total.map_or_else(|| json!({}), |total| json!({ "total": total })))
            }
            Event::Advanced { task, bytes } => ("advanced", task, json!({ "bytes": bytes })),
            Event::Finished { task, taken, succeeded } => {
                self.flush();
                let taken = u64::try_from(taken.as_micros()).unwrap_or(u64::MAX);
                ("finished", task, json!({ "taken_us": taken, "succeeded": succeeded }))
            }
        };
        let mut object = json!({ "activity": task.activity.name(), "name": task.name });
        merge(&mut object, fields);
        self.write(kind, object);
    }

    pub(super) fn result(&self, text: &str) {
        self.write("result", json!({ "text": text }));
    }

    pub(super) fn error(&self, text: &str) {
        self.flush();
        self.write("error", json!({ "text": text }));
    }

    /// A last line of output without an end.
    fn flush(&self) {
        let rest = self.partial.lock().map(|mut partial| std::mem::take(&mut *partial)).unwrap_or_default();
        if !rest.is_empty() {
            self.write("output", json!({ "text": String::from_utf8_lossy(&rest) }));
        }
    }

    fn write(&self, kind: &str, fields: Value) {
        let milliseconds = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut object = json!({ "event": kind, "at_ms": milliseconds });
        merge(&mut object, fields);
        let mut stdout = std::io::stdout().lock();
        // Ends at a broken pipe like any filter; the build itself goes on.
        let _ = writeln!(stdout, "{object}").and_then(|()| stdout.flush());
    }
}

fn merge(object: &mut Value, fields: Value) {
    if let (Value::Object(object), Value::Object(fields)) = (object, fields) {
        let fields: Map<String, Value> = fields;
        object.extend(fields);
    }
}
