//! What every daemon has to do, one function for each thing.

use baler_daemon::ImageStore;
use baler_image::{
    Digest, Engine, Identity, ImageName, Platform, ResolveError, ResolvedImage, Sink, SinkError, Source, Wanted,
    resolve,
};
use baler_store::copy_image;

use crate::engine::Running;
use crate::images::{Images, check_layers};

pub fn all(running: &Running) {
    let images = Images::new();
    what_is_written_is_found_by_each_of_its_names(running, &images);
    what_is_not_there_is_not_found(running, &images);
    a_name_that_moves_leaves_an_image_without_one(running, &images);
    another_platform_is_not_a_substitute(running, &images);
    layers_that_are_there_are_not_sent(running, &images);
    what_cannot_be_a_name_there_is_refused(running, &images);
    what_is_remembered_is_the_same_image(running, &images);
}

/// Documents come from memory, layers by an export when they are wanted after all.
fn what_is_remembered_is_the_same_image(running: &Running, images: &Images) {
    let image = images.image("amd64", &["remembered", "both"]);
    images.load(running, &image, "remembered");
    let memory = running.directory.path().join("memory");
    for count in [1, 1] {
        let source = baler_daemon::DaemonSource::new(running.daemon(), running.directory.path()).with_memory(&memory);
        let found = resolve(&"remembered".parse().unwrap(), &amd64(), &source).unwrap();
        assert_eq!(found.identity(), &identity(running, &image));
        assert_eq!(found.raw_config(), image.raw_config());
        assert_eq!(fs_err::read_dir(&memory).unwrap().count(), count);
        check_layers(&found, &source);
    }
    running.curl("DELETE", "/images/remembered?force=1", None);
    let source = baler_daemon::DaemonSource::new(running.daemon(), running.directory.path()).with_memory(&memory);
    let gone = resolve(&"remembered".parse().unwrap(), &amd64(), &source);
    assert!(matches!(gone, Err(ResolveError::NotFound { .. })), "{gone:?}");
}

fn amd64() -> Wanted {
    Wanted::Exactly(Platform::new("linux", "amd64"))
}

fn find(running: &Running, name: &str) -> Result<ResolvedImage, ResolveError> {
    resolve(&name.parse().unwrap(), &amd64(), running.source().as_ref())
}

/// What the daemon knows the image by.
fn identity(running: &Running, image: &ResolvedImage) -> Identity {
    match running.daemon().image_store() {
        ImageStore::Classic => Identity::ImageId(Digest::of(image.raw_config())),
        ImageStore::Containerd => Identity::Manifest(image.digest().clone()),
    }
}

fn what_is_written_is_found_by_each_of_its_names(running: &Running, images: &Images) {
    let image = images.image("amd64", &["one", "two", "one"]);
    let sink = running.sink();
    let names = ["first", "registry.example:5000/team/app:1", "docker-daemon:docker.io/me/second:2"];
    for name in names {
        copy_image(&image, &images.layout, &sink, &name.parse().unwrap(), &|_| ()).unwrap();
    }
    let identity = identity(running, &image);
    let id = identity.digest();
    let scheme = match running.daemon().engine() {
        Engine::Docker => "docker-daemon",
        Engine::Podman => "podman-daemon",
    };
    let others = [
        "docker.io/library/first:latest".to_owned(),
        format!("{scheme}:first"),
        format!("{scheme}:{id}"),
        format!("{scheme}:{}", id.hex()),
        id.short().to_owned(),
    ];
    for name in names.into_iter().chain(others.iter().map(String::as_str)) {
        let source = running.source();
        let found = resolve(&name.parse().unwrap(), &amd64(), source.as_ref())
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        assert_eq!(found.identity(), &identity, "{name}");
        assert_eq!(found.place(), &running.daemon().place());
        assert_eq!(found.raw_config(), image.raw_config(), "{name}");
        check_layers(&found, source.as_ref());
    }
    if running.daemon().image_store() == ImageStore::Containerd {
        let found = find(running, &format!("registry.example:5000/team/app@{}", image.digest())).unwrap();
        assert_eq!((found.digest(), &found.manifest().raw), (image.digest(), &image.manifest().raw));
    }
}

fn what_is_not_there_is_not_found(running: &Running, images: &Images) {
    let image = images.image("amd64", &["not there"]);
    let other = images.image("amd64", &["there"]);
    images.load(running, &other, "there");
    let identity = identity(running, &other);
    // A daemon takes the beginning of an id for the image; as a name it is not there.
    let beginning = &identity.digest().hex()[..7];
    let absent = [
        "nothing".to_owned(),
        "there:2".to_owned(),
        "registry.example/there".to_owned(),
        beginning.to_owned(),
        format!("docker-daemon:{}", Digest::of(image.raw_config())),
        format!("there@{}", Digest::of(b"nothing")),
    ];
    for name in absent {
        let result = find(running, &name);
        assert!(matches!(result, Err(ResolveError::NotFound { .. })), "{name}: {result:?}");
    }
    assert!(matches!(find(running, "oci:somewhere"), Err(ResolveError::NotFound { .. })));
}

fn a_name_that_moves_leaves_an_image_without_one(running: &Running, images: &Images) {
    let [old, new] = ["old", "new"].map(|content| images.image("amd64", &["base", content]));
    images.load(running, &old, "moving");
    let source = running.source();
    let before = resolve(&"moving".parse().unwrap(), &amd64(), source.as_ref()).unwrap();
    images.load(running, &new, "moving");
    assert_eq!(find(running, "moving").unwrap().identity(), &identity(running, &new));
    let id = identity(running, &old);
    // What was found stays what it was.
    assert_eq!(before.identity(), &id);
    check_layers(&before, source.as_ref());
    match (find(running, &format!("docker-daemon:{}", id.digest())), running.daemon().image_store()) {
        (Ok(dangling), _) => assert_eq!(dangling.raw_config(), old.raw_config()),
        // There, an image without a name is lost when another one is loaded under it.
        (Err(ResolveError::NotFound { .. }), ImageStore::Containerd) => {}
        (Err(error), _) => panic!("{error:?}"),
    }
}

fn another_platform_is_not_a_substitute(running: &Running, images: &Images) {
    let image = images.image("arm64", &["arm"]);
    images.load(running, &image, "arm");
    let Err(ResolveError::NoPlatform { has, .. }) = find(running, "arm") else { panic!("it was taken") };
    assert_eq!(has, [Platform::new("linux", "arm64")]);
    let exactly = Wanted::Exactly(Platform::new("linux", "arm64"));
    let found = resolve(&"arm".parse().unwrap(), &exactly, running.source().as_ref()).unwrap();
    assert_eq!(found.raw_config(), image.raw_config());
}

/// An image on top of another one, whose layers come from the daemon itself: also when it is gone meanwhile.
fn layers_that_are_there_are_not_sent(running: &Running, images: &Images) {
    for is_removed in [false, true] {
        let base = images.image("amd64", &["the base", "its second layer"]);
        images.load(running, &base, "base");
        let app = images.image("amd64", &["the base", "its second layer", "the application"]);
        let source = running.source();
        let found = resolve(&"base".parse().unwrap(), &amd64(), source.as_ref()).unwrap();
        let sink = baler_daemon::DaemonSink::new(source, running.directory.path());
        sink.learn(&found);
        if is_removed {
            for name in ["app", "base"] {
                running.curl("DELETE", &format!("/images/{name}?force=1"), None);
            }
            assert!(matches!(find(running, "base"), Err(ResolveError::NotFound { .. })));
        }
        // The lower layers as the daemon has them, the upper one as it is new.
        let mut manifest = app.manifest().value.clone();
        for (layer, held) in manifest.layers.iter_mut().zip(found.layers()) {
            *layer = held.descriptor.clone();
        }
        for layer in &manifest.layers[..2] {
            assert!(sink.has_blob(&layer.digest).unwrap());
        }
        for blob in [&manifest.layers[2], &manifest.config] {
            let mut writer = sink.begin_blob().unwrap();
            std::io::copy(&mut images.layout.blob(blob).unwrap(), &mut writer).unwrap();
            writer.commit(&blob.digest, blob.size).unwrap();
        }
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let descriptor = baler_image::Descriptor::of(baler_image::media_type::OCI_MANIFEST, &bytes);
        sink.put_document(&"app".parse().unwrap(), &descriptor, &bytes).unwrap();
        let source = running.source();
        let written = resolve(&"app".parse().unwrap(), &amd64(), source.as_ref()).unwrap();
        assert_eq!(written.raw_config(), app.raw_config());
        check_layers(&written, source.as_ref());
    }
}

fn what_cannot_be_a_name_there_is_refused(running: &Running, images: &Images) {
    let image = images.image("amd64", &["one"]);
    let id = Digest::of(image.raw_config());
    for name in [format!("app@{id}"), format!("docker-daemon:{id}"), "oci:somewhere".to_owned()] {
        let name: ImageName = name.parse().unwrap();
        let result = running.sink().put_document(&name, &image.descriptor(), &image.manifest().raw);
        assert!(matches!(result, Err(SinkError::WrongName { .. })), "{name}: {result:?}");
    }
    let result = running.sink().put_document(&"app".parse().unwrap(), &image.descriptor(), &image.manifest().raw);
    assert!(matches!(result, Err(SinkError::MissingBlob { .. })), "{result:?}");
}

/// Tags that are indexes, which only the containerd image store keeps.
pub fn indexes(running: &Running) {
    let images = Images::new();
    let path = running.directory.path().join("index.tar");
    let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| images.manifest(architecture, &["in an index"]));
    let both = images.archive(&[&arm64, &amd64], &[&arm64, &amd64], "docker.io/library/both:1", &path);
    running.curl("POST", "/images/load", Some(&path));
    let source = running.source();
    for (child, architecture) in [(&amd64, "amd64"), (&arm64, "arm64")] {
        let wanted = Wanted::Exactly(Platform::new("linux", architecture));
        for name in ["both:1".to_owned(), format!("both@{both}"), format!("docker-daemon:{both}")] {
            let image = resolve(&name.parse().unwrap(), &wanted, source.as_ref()).unwrap();
            assert_eq!((image.digest(), image.index_digest()), (&child.digest, Some(&both)));
            check_layers(&image, source.as_ref());
        }
    }
    let wanted = Wanted::Exactly(Platform::new("linux", "s390x"));
    let Err(ResolveError::NoPlatform { has, .. }) = resolve(&"both:1".parse().unwrap(), &wanted, source.as_ref())
    else {
        panic!("it was found")
    };
    assert_eq!(has, [Platform::new("linux", "amd64"), Platform::new("linux", "arm64")]);

    // As `docker pull` leaves it: the index is whole, but only one of its images is there.
    let [amd64, arm64] = ["amd64", "arm64"].map(|architecture| images.manifest(architecture, &["in part"]));
    let part = images.archive(&[&arm64, &amd64], &[&amd64], "docker.io/library/part:1", &path);
    running.curl("POST", "/images/load", Some(&path));
    let image = find(running, "part:1").unwrap();
    assert_eq!((image.digest(), image.index_digest()), (&amd64.digest, Some(&part)));
    let wanted = Wanted::Exactly(Platform::new("linux", "arm64"));
    let result = resolve(&"part:1".parse().unwrap(), &wanted, running.source().as_ref());
    let Err(ResolveError::NoPlatform { has, .. }) = result else { panic!("{result:?}") };
    assert_eq!(has, [Platform::new("linux", "amd64")]);
}
