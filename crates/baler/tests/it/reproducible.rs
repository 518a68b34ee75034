//! The same input gives the same digest: whoever builds, with any number of threads.

use crate::support::{Place, User, application, buildpack, users};

const SCRIPT: &str = "
mkdir -p \"$1/dep/sub\"; seq 1 200000 >\"$1/dep/numbers\"; dd if=/dev/zero of=\"$1/dep/zeros\" bs=1024 count=3000 2>/dev/null
ln -sf numbers \"$1/dep/link\"; chmod 0555 \"$1/dep/sub\"; echo x >\"$1/dep/secret\"; chmod 0600 \"$1/dep/secret\"
printf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/dep.toml\"
printf '[[slices]]\\npaths = [\"*.txt\"]\\n' >\"$1/launch.toml\"";

fn digest(user: User, threads: &str) -> Option<String> {
    let place = Place::with_builder(user, &["same"])?;
    buildpack(&place, "same", "exit 0", SCRIPT);
    application(&place, &[("a.txt", "a"), ("b/c", "c")]);
    place.create_builder();
    let built = place.build(&["--quiet", "--threads", threads]).success();
    let rebuilt = place.build(&["--quiet", "--threads", threads]).success();
    assert_eq!(built.stdout, rebuilt.stdout);
    Some(built.stdout)
}

#[test]
fn for_every_user() {
    let digests: Vec<_> = users().into_iter().filter_map(|user| Some((user, digest(user, "2")?))).collect();
    for (user, digest) in &digests {
        assert_eq!(digest, &digests[0].1, "{user:?} and {:?}", digests[0].0);
    }
}

#[test]
fn with_any_number_of_threads() {
    let Some(one) = digest(User::Caller, "1") else { return };
    for threads in ["2", "5"] {
        assert_eq!(digest(User::Caller, threads).unwrap(), one, "{threads} threads");
    }
}
