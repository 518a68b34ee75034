//! The table.

use baler_image::Digest;

use super::documents::Document;

/// What must come of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Image(Digest),
    /// The platforms that it has.
    NoPlatform(Vec<String>),
    Absent,
    /// An image for another platform than the index has it for.
    Disagreement,
    NotAnImage,
    Malformed,
    TooDeep,
    Inconsistent,
    /// A document that another one points at is not there.
    Incomplete,
}

/// How much of an index a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holding {
    /// A store, layout or archive: what was copied for one platform.
    Part,
    /// A registry.
    All,
}

/// One line.
pub(crate) struct Row {
    pub(crate) document: &'static str,
    pub(crate) wanted: &'static str,
    /// Whether an image for another platform is refused.
    pub(crate) is_exact: bool,
    /// Where this is the outcome, if places differ: they may hold a part of an index, or must hold all of it.
    pub(crate) only: Option<Holding>,
    /// `=IMAGE`, `no PLATFORM, …`, or the name of an error; [`BY_DIGEST`] may follow.
    outcome: &'static str,
}

impl Row {
    pub(crate) fn expected(&self, document: &Document) -> Expected {
        parsed(self.outcome.split(BY_DIGEST).next().unwrap(), document)
    }

    /// What comes of the image's own digest.
    pub(crate) fn expected_by_digest(&self, document: &Document) -> Expected {
        parsed(self.outcome.rsplit(BY_DIGEST).next().unwrap(), document)
    }
}

/// Stands before what comes of the image's own digest, where that is something else.
const BY_DIGEST: &str = ", by its digest ";

fn parsed(outcome: &str, document: &Document) -> Expected {
    if let Some(image) = outcome.strip_prefix('=') {
        return Expected::Image(document.images[image].clone());
    }
    if let Some(platforms) = outcome.strip_prefix("no ") {
        return Expected::NoPlatform(platforms.split(", ").map(str::to_owned).collect());
    }
    match outcome {
        "nothing" => Expected::NoPlatform(Vec::new()),
        "disagreement" => Expected::Disagreement,
        "not an image" => Expected::NotAnImage,
        "too deep" => Expected::TooDeep,
        "inconsistent" => Expected::Inconsistent,
        "incomplete" => Expected::Incomplete,
        other => panic!("an outcome that is none: {other}"),
    }
}

/// Document; platform, with `~` where another one is taken if there is no choice; outcome; where it is that.
const TABLE: &str = "
oci manifest                       | linux/amd64    | =image
oci manifest                       | linux/arm64    | no linux/amd64
oci manifest                       | ~linux/arm64   | =image
docker manifest                    | linux/amd64    | =image
docker manifest                    | linux/s390x    | no linux/amd64
untyped manifest                   | linux/amd64    | =image
untyped manifest                   | linux/arm64    | no linux/amd64
manifest without a platform        | linux/amd64    | =image
manifest without a platform        | linux/s390x    | =image
oci index                          | linux/amd64    | =linux/amd64
oci index                          | linux/arm64    | =linux/arm64
oci index                          | ~linux/s390x   | =linux/s390x
oci index                          | linux/riscv64  | no linux/amd64, linux/arm64, linux/s390x
oci index                          | ~linux/riscv64 | no linux/amd64, linux/arm64, linux/s390x
docker list                        | linux/amd64    | =linux/amd64
docker list                        | linux/arm64    | =linux/arm64
docker list                        | linux/ppc64le  | no linux/amd64, linux/arm64, linux/s390x
untyped index                      | linux/amd64    | =linux/amd64
untyped index                      | linux/s390x    | no linux/amd64, linux/arm64
empty index                        | linux/amd64    | nothing
arm variants                       | linux/arm/v6   | =linux/arm/v6
arm variants                       | linux/arm/v7   | =linux/arm/v7
arm variants                       | linux/arm/v8   | =linux/arm/v7
arm variants                       | linux/arm64    | no linux/arm/v5, linux/arm/v6, linux/arm/v7
arm64 v8                           | linux/arm64    | =linux/arm64/v8
arm64 v8                           | linux/arm64/v8 | =linux/arm64/v8
amd64 levels                       | linux/amd64    | =linux/amd64
amd64 levels                       | linux/amd64/v2 | =linux/amd64/v2
amd64 levels                       | linux/amd64/v4 | =linux/amd64/v3
amd64 v3 alone                     | linux/amd64/v2 | no linux/amd64/v3
amd64 v3 alone                     | linux/amd64/v3 | =linux/amd64/v3
windows versions                   | linux/amd64    | =linux/amd64
windows versions                   | windows/amd64  | =windows/amd64 10.0.1
docker image in oci index          | linux/amd64    | =docker
docker image in oci index          | linux/arm64    | no linux/amd64
entries without platform           | linux/amd64    | =linux/amd64
entries without platform           | linux/arm64    | =linux/arm64
entries without platform           | linux/s390x    | no linux/amd64, linux/arm64
index that lists wrongly           | linux/arm64    | disagreement
index that lists wrongly           | ~linux/arm64   | =liar
index that lists wrongly           | linux/s390x    | =true
index that lists wrongly           | linux/amd64    | no linux/arm64, linux/s390x
wrong entry before a right one     | linux/arm64    | =true
wrong entry before an unlisted one | linux/arm64    | =true
wrong variant                      | linux/arm/v6   | =image, by its digest no linux/arm/v7
variant in the index alone         | linux/arm/v7   | =image
variant in the index alone         | linux/arm/v6   | no linux/arm/v7
older variant than listed          | linux/arm/v7   | =image
platform in the index alone        | linux/arm64    | =image
another name of the processor      | linux/arm64    | =image
unknown beside an image            | linux/amd64    | =image
unknown beside an image            | linux/arm64    | no linux/amd64
index with attestations            | linux/amd64    | =image
index with attestations            | linux/arm64    | no linux/amd64
index with a chart                 | linux/amd64    | =image
index with a chart                 | linux/arm64    | no linux/amd64
chart                              | linux/amd64    | not an image
nested index                       | linux/arm64    | =inner
nested index                       | linux/amd64    | =outer 1
nested index                       | linux/s390x    | no linux/amd64, linux/arm64
index nested too deep              | linux/arm64    | too deep
index with a missing entry         | linux/amd64    | =image
index with a missing entry         | linux/arm64    | incomplete                                  | all
index with a missing entry         | linux/arm64    | no linux/amd64                              | part
fewer diffIDs than layers          | linux/amd64    | inconsistent
";

pub(crate) fn rows() -> Vec<Row> {
    let row = |line: &'static str| {
        let mut cells = line.split('|').map(str::trim);
        let (document, wanted, outcome) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let only = cells.next().map(|holding| if holding == "part" { Holding::Part } else { Holding::All });
        Row { only, document, wanted: wanted.trim_start_matches('~'), is_exact: !wanted.starts_with('~'), outcome }
    };
    TABLE.lines().filter(|line| !line.is_empty()).map(row).collect()
}
