//! Applications as zip files, from anywhere.

use std::path::Path;

use super::{Selection, zip_file};

/// Unpacks a zip file into the empty directory `scratch`, and sees to it that nothing leads out of the application.
///
/// # Panics
///
/// Where something is wrong.
pub fn unpack_zip(bytes: &[u8], scratch: &Path) {
    let (file, target) = (scratch.join("app.zip"), scratch.join("inside/app"));
    fs_err::create_dir_all(&target).expect("the scratch directory can be written to");
    fs_err::write(&file, bytes).expect("the scratch directory can be written to");
    // What a refused archive leaves is removed with the build.
    let _ = zip_file::unpack(&file, &target, &Selection::default());
    for (directory, only) in [(scratch, ["app.zip", "inside"].as_slice()), (&scratch.join("inside"), &["app"])] {
        let mut names: Vec<_> = fs_err::read_dir(directory)
            .expect("it is there")
            .map(|entry| entry.expect("it can be read").file_name())
            .collect();
        names.sort();
        assert_eq!(names, only, "something was written beside the application");
    }
    assert_eq!(fs_err::read(&file).expect("it is there"), bytes, "the archive is left as it was");
}
