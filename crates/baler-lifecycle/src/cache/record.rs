//! Where the data of cached layers is, and how their tars were made: a file of each cache that Baler writes.

use std::collections::BTreeMap;

use baler_image::Digest;
use serde::{Deserialize, Serialize};

/// The version of the file; another one is an empty cache.
const VERSION: u32 = 1;

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlobRecords {
    version: u32,
    /// By diffID.
    pub(crate) blobs: BTreeMap<Digest, CachedBlob>,
}

/// The data of one layer: its tar, and what that was compressed to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedBlob {
    /// Of the compressed tar. Without one it is the diffID, with the size 0.
    pub digest: Digest,
    pub size: u64,
    /// Everything about the tar that is not in the layer's directory: paths, owners, modes above it. Where this
    /// differs, the same directory gives another tar.
    pub frame: String,
}

impl CachedBlob {
    /// Digest and size of the compressed tar, if it ever was compressed.
    pub(crate) fn compressed(&self) -> Option<(&Digest, u64)> {
        (self.size > 0).then_some((&self.digest, self.size))
    }
}

impl Default for BlobRecords {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl BlobRecords {
    /// Records of these blobs, in this version.
    pub(crate) fn new(blobs: BTreeMap<Digest, CachedBlob>) -> Self {
        Self { version: VERSION, blobs }
    }

    /// The records in `text`; none where it is of another version or no record.
    pub(crate) fn parse(text: &[u8]) -> Self {
        serde_json::from_slice(text).ok().filter(|records: &Self| records.version == VERSION).unwrap_or_default()
    }

    /// The text of the file.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("records are plain data")
    }

    /// The text of the file `roots`: what the store must keep.
    pub(crate) fn roots(&self) -> String {
        let digests: std::collections::BTreeSet<_> = self.blobs.values().map(|blob| &blob.digest).collect();
        let lines: Vec<_> = digests.into_iter().map(ToString::to_string).chain([String::new()]).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_and_others_do_not() {
        let blob = CachedBlob { digest: Digest::of(b"blob"), size: 4, frame: "/layers".to_owned() };
        let records = BlobRecords::new([(Digest::of(b"tar"), blob)].into());
        assert_eq!(BlobRecords::parse(records.to_json().as_bytes()), records);
        assert_eq!(records.roots(), format!("{}\n", Digest::of(b"blob")));
        for text in ["", "{", r#"{"version":2,"blobs":{}}"#, r#"{"version":1,"blobs":{"../x":{}}}"#] {
            assert_eq!(BlobRecords::parse(text.as_bytes()), BlobRecords::default(), "{text}");
        }
    }
}
