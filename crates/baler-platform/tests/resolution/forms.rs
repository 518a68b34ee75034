//! The forms of a reference, and what they change.

use baler_image::Digest;

use super::documents::Document;
use super::rows::{Expected, Row};

/// How a document is named.
pub(crate) struct Form {
    pub(crate) what: &'static str,
    /// What is appended to the repository.
    pub(crate) suffix: String,
    pub(crate) expected: Expected,
    /// The index that the image is found through.
    pub(crate) index: Option<Digest>,
}

impl Form {
    /// Whether only a tag or the lack of one tells what is meant.
    pub(crate) fn is_by_tag(&self) -> bool {
        !self.suffix.contains('@')
    }
}

/// The tag that each document has.
pub(crate) const TAG: &str = "1.0";

/// All of them. A digest decides, whatever the tag beside it says; a digest of one image leaves no choice of platform.
pub(crate) fn all(document: &Document, row: &Row) -> Vec<Form> {
    let expected = row.expected(document);
    let index = document.is_index().then(|| document.digest());
    let form = |what, suffix: String| Form { what, suffix, expected: expected.clone(), index: index.clone() };
    let mut forms = vec![
        form("a tag", format!(":{TAG}")),
        form("no tag", String::new()),
        form("a digest", format!("@{}", document.digest())),
        form("a tag with its digest", format!(":{TAG}@{}", document.digest())),
        form("another tag with the digest", format!(":other@{}", document.digest())),
    ];
    if let (Expected::Image(image), true) = (&expected, document.is_index()) {
        let by_image = |what, suffix| Form { what, suffix, expected: row.expected_by_digest(document), index: None };
        forms.push(by_image("the digest of the image", format!("@{image}")));
        forms.push(by_image("the index's tag with the image's digest", format!(":{TAG}@{image}")));
    }
    let absent = |what, suffix: String| Form { what, suffix, expected: Expected::Absent, index: None };
    forms.push(absent("a tag that is not there", ":absent".to_owned()));
    forms.push(absent("a digest that is not there", format!("@{}", Digest::of(b"nothing"))));
    forms
}
