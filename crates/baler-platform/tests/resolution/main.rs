//! Every form of reference, on every kind of document, in every place that holds images: a table (issue 6).
//!
//! A row of [`rows`] says what a document is, what is wanted, and what must come of it. Each row is tried in each place
//! under each form of reference that the place has; what the forms change is said in [`forms`], once.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

mod documents;
mod forms;
mod places;
mod rows;
#[path = "../support/mod.rs"]
mod support;

use baler_image::{Platform, Wanted};
use baler_image::{ResolveError, SourceError};
use baler_platform::places::{Asked, LocateError, Located, Needed, locate};

use forms::Form;
use places::{Held, Place};
use rows::{Expected, Row};

#[test]
fn every_form_of_every_document_in_every_place() {
    let places = places::all();
    let mut checks = 0;
    for row in rows::rows() {
        let document = documents::document(row.document);
        for place in places.iter().filter(|place| row.only.is_none_or(|holding| holding == place.holding())) {
            let held = place.hold(row.document, &document);
            for form in forms::all(&document, &row) {
                if place.has_form(&form) {
                    check(&row, place, &held, &form);
                    checks += 1;
                }
            }
        }
    }
    assert!(checks > 1000, "only {checks} checks");
}

fn check(row: &Row, place: &Place, held: &Held, form: &Form) {
    let at = format!("{} as {} in {}, wanted {}", row.document, form.what, place.what, row.wanted);
    let name = held.name(form);
    let platform: Platform = row.wanted.parse().unwrap();
    let wanted = if row.is_exact { Wanted::Exactly(platform) } else { Wanted::Preferably(platform) };
    let context = place.context();
    let asked =
        Asked { role: "image", name: &name, wanted: &wanted, search: place.search(), needed: Needed::Documents };
    let found = locate(&context, &asked);
    compare(&form.expected, &found, &at);
    if let Ok(located) = &found {
        assert_eq!(located.image.index_digest(), form.index.as_ref(), "{at}");
        assert_eq!(located.image.name(), &name, "{at}");
        // A name that was resolved is not asked for again in the same command.
        let requests = place.requests();
        locate(&context, &asked).unwrap();
        if place.counts_requests() {
            assert_eq!(place.requests(), requests, "{at}");
        }
    }
}

fn compare(expected: &Expected, found: &Result<Located, LocateError>, at: &str) {
    let says = match found {
        Ok(located) => Expected::Image(located.image.digest().clone()),
        Err(LocateError::Resolve(error)) => error_of(error),
        Err(LocateError::NotHere { source, .. }) => match &**source {
            LocateError::Resolve(error) => error_of(error),
            other => panic!("{at}: {other:?}"),
        },
        Err(LocateError::Absent { .. }) => Expected::Absent,
        Err(error) => panic!("{at}: {error:?}"),
    };
    assert_eq!(&says, expected, "{at}");
}

fn error_of(error: &ResolveError) -> Expected {
    match error {
        ResolveError::NotFound { .. } => Expected::Absent,
        ResolveError::NoPlatform { has, .. } => Expected::NoPlatform(has.iter().map(ToString::to_string).collect()),
        ResolveError::Disagreement { .. } => Expected::Disagreement,
        ResolveError::NotAnImage { .. } => Expected::NotAnImage,
        ResolveError::Malformed { .. } => Expected::Malformed,
        ResolveError::TooDeep { .. } => Expected::TooDeep,
        ResolveError::Inconsistent { .. } => Expected::Inconsistent,
        ResolveError::Source { source: SourceError::AbsentBlob { .. }, .. } => Expected::Incomplete,
        other => panic!("another error: {other:?}"),
    }
}
