//! The corpora of the fuzz targets, as ordinary tests.

use std::path::Path;

use baler_platform::fuzzing::{read_module_archive, read_package, unpack_zip};

fn replay(target: &str, read: fn(&[u8], &Path)) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let read = |bytes: &[u8]| read(bytes, tempfile::tempdir().expect("there is room").path());
    let mut count = 0;
    for entry in fs_err::read_dir(corpus).expect("the corpus is there") {
        let bytes = fs_err::read(entry.expect("it is readable").path()).expect("it is readable");
        read(&bytes);
        // What is near: cut off, and with one byte changed, in a hundred places each.
        for index in (0..bytes.len()).step_by(bytes.len() / 100 + 1) {
            read(&bytes[..index]);
            let mut changed = bytes.clone();
            changed[index] ^= 1;
            read(&changed);
        }
        count += 1;
    }
    assert!(count > 3, "there is little in the corpus of {target}");
}

#[test]
fn zip_files() {
    replay("zip", unpack_zip);
}

#[test]
fn archives_of_modules() {
    replay("module_archive", read_module_archive);
}

#[test]
fn packages() {
    replay("package", read_package);
}
