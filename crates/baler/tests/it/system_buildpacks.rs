//! Buildpacks that a builder puts around every group.

use crate::support::{Place, User, application, buildpack, write};

#[test]
fn they_take_part_unless_they_are_left_out() {
    let names = ["before", "one", "after"];
    let Some(place) = Place::with_builder(User::Caller, &names) else { return };
    for name in names {
        buildpack(&place, name, "exit 0", &format!("echo ran {name}"));
    }
    application(&place, &[("file", "text")]);
    let config = std::fs::read_to_string(place.path().join("builder.toml")).unwrap();
    let (head, _) = config.split_once("[[order]]").unwrap();
    let element = |name: &str| format!("id = \"test/{name}\"\nversion = \"1\"\n");
    let order = format!("[[order]]\n[[order.group]]\n{}", element("one"));
    let around = |place: &str, name: &str| format!("[[system.{place}.buildpacks]]\n{}", element(name));
    let text = format!("{head}{order}{}{}", around("pre", "before"), around("post", "after"));
    write(&place.path().join("builder.toml"), &text);
    place.create_builder();
    let ran = |more: &[&str]| {
        let built = place.build(more).success().stdout;
        built.lines().filter_map(|line| line.strip_prefix("ran ")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ran(&[]), ["before", "one", "after"]);
    assert_eq!(ran(&["--disable-system-buildpacks"]), ["one"]);
    assert_eq!(ran(&["--buildpack", "test/one", "--disable-system-buildpacks"]), ["one"]);
    assert_eq!(ran(&["--buildpack", "test/one"]), ["before", "one", "after"]);
}
