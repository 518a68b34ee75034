//! What `creator` asks a registry for when nothing has changed: requests are counted, and there is none too many.

use baler_test_registry::{Image, Options, TestRegistry};
use fs_err as fs;

use crate::layouts::open_up;
use crate::programs::{call, outcome};
use crate::support::Place;

fn create(place: &Place, registry: &TestRegistry) -> Option<Vec<String>> {
    for name in ["a", "config", "sbom"] {
        let _ = fs::remove_dir_all(place.path("layers").join(name));
    }
    open_up(place);
    registry.clear_log();
    let mut creator = call(place, "create")?;
    creator.env("HOME", place.path("tmp")).arg("-cache-dir").arg(place.path("cache"));
    creator.arg("-launcher").arg(place.path("launcher")).args(["-uid", "65534", "-gid", "65534"]);
    creator.args(["-run-image", &format!("{}/run:1", registry.address()), &format!("{}/app:1", registry.address())]);
    let (code, output) = outcome(&mut creator);
    assert_eq!(code, Some(0), "{output}");
    Some(registry.lines())
}

#[test]
fn creator_asks_for_nothing_too_much() {
    let place = Place::new();
    place.buildpack("a", "", "exit 0", "mkdir -p \"$1/kept\"; [ -e \"$1/kept/f\" ] || echo x >\"$1/kept/f\"\nprintf '[types]\\nlaunch = true\\ncache = true\\n' >\"$1/kept.toml\"");
    place.write("layers/order.toml", "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n");
    place.write("launcher", "launcher");
    place.write("app/file", "content");
    fs::create_dir(place.path("cache")).unwrap();
    let registry = TestRegistry::start(Options::default()).unwrap();
    let platform = format!("linux/{}", baler_image::Platform::host().architecture);
    registry.push_image("run", Some("1"), &Image::new(&platform, vec![b"base".to_vec()])).unwrap();
    if create(&place, &registry).is_none() {
        return;
    }
    let manifest = registry.manifest("app", "1").unwrap();
    let lines = create(&place, &registry).unwrap();
    assert_eq!(registry.manifest("app", "1").unwrap(), manifest);
    // May one push; what are run image and previous image; the SBOM files of the latter; the image gets its name.
    let count = |beginning: &str| lines.iter().filter(|line| line.starts_with(beginning)).count();
    let counts =
        ["POST /v2/app/blobs/uploads/", "DELETE /v2/app/blobs/uploads/", "GET /v2/run/", "GET /v2/app/", "PUT "]
            .map(count);
    assert_eq!(counts, [1, 1, 2, 3, 1], "{lines:#?}");
    assert_eq!(lines.len(), 8, "{lines:#?}");
    assert_eq!(lines.last().unwrap(), "PUT /v2/app/manifests/1");
}
