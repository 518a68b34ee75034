//! Operations with mapped ids.

use std::ffi::OsString;
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;

use baler_sandbox::{IdMapMode, OperationCall, OperationError, remove_owned_tree, run_with_ids};
use fs_err as fs;

use crate::fixture::{BUILD_USER, each};

fn call(fixture: &crate::fixture::Fixture, name: &str, arguments: Vec<OsString>) -> OperationCall {
    OperationCall { name: name.to_owned(), directory: fixture.root.lower[0].clone(), arguments, input: None }
}

#[test]
fn trees_have_the_owners_that_the_map_says() {
    each(|fixture| {
        let map = &fixture.executor.id_map;
        let owner = |name: &str| {
            let metadata = fs::metadata(fixture.root.lower[0].join(name)).unwrap();
            (metadata.uid(), metadata.gid())
        };
        let host = |(user, group)| (map.host_uid(user).unwrap(), map.host_gid(group).unwrap());
        assert_eq!(owner("home/cnb"), host(BUILD_USER));
        assert_eq!(owner("usr"), host(if map.maps_root() { (0, 0) } else { BUILD_USER }));
        if map.mode() != IdMapMode::Root {
            assert_eq!(owner("home/cnb").0, rustix::process::geteuid().as_raw());
        }
    });
}

#[test]
fn errors_come_back() {
    each(|fixture| {
        let run = |name: &str| {
            run_with_ids(&fixture.executor.program, &fixture.executor.id_map, call(&fixture, name, vec![]))
        };
        assert!(
            matches!(run("complain"), Err(OperationError::Failed { message, .. }) if message == "it cannot be done")
        );
        assert!(matches!(run("unheard-of"), Err(OperationError::Unknown { name }) if name == "unheard-of"));
        let Err(OperationError::Ended { standard_error, .. }) = run("end") else { panic!("no error") };
        assert!(standard_error.contains("an operation that ends"), "{standard_error}");
        let mut elsewhere = call(&fixture, "complain", vec![]);
        elsewhere.directory = "/missing".into();
        let error = run_with_ids(&fixture.executor.program, &fixture.executor.id_map, elsewhere).unwrap_err();
        assert!(matches!(error, OperationError::Start { .. }), "{error:?}");
    });
}

#[test]
fn input_is_handed_over() {
    each(|fixture| {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(b"the input").unwrap();
        input.rewind().unwrap();
        let mut call = call(&fixture, "copy-input", vec!["copied".into()]);
        call.input = Some(input);
        run_with_ids(&fixture.executor.program, &fixture.executor.id_map, call).unwrap();
        assert_eq!(fs::read_to_string(fixture.root.lower[0].join("copied")).unwrap(), "the input");
    });
}

#[test]
fn trees_of_mapped_ids_are_removed() {
    each(|fixture| {
        let lower = &fixture.root.lower[0];
        remove_owned_tree(&fixture.executor.program, &fixture.executor.id_map, lower).unwrap();
        assert!(!lower.exists());
        remove_owned_tree(&fixture.executor.program, &fixture.executor.id_map, lower).unwrap();
    });
}
