//! The places that hold the documents.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use baler_image::{ArchiveKind, Descriptor, ImageName, Sink, Target};
use baler_platform::context::Context;
use baler_platform::interrupt::Interrupt;
use baler_platform::places::{Places, PullPolicy, Registries, Search};
use baler_sandbox::{HostIds, Identity, SandboxProgram};
use baler_store::{Layout, Store};
use baler_test_registry::{Fault, Options, Rule, TestRegistry};

use super::documents::Document;
use super::forms::{Form, TAG};
use super::rows::Holding;
use super::support::Silent;

/// A place, with a store for the command that asks.
pub(crate) struct Place {
    pub(crate) what: &'static str,
    kind: Kind,
    directory: tempfile::TempDir,
    store: Store,
}

enum Kind {
    Registry(TestRegistry),
    Store,
    Layout,
    Archive,
}

/// A document in a place.
pub(crate) struct Held {
    /// The repository, where the place has those.
    repository: Option<String>,
    path: PathBuf,
    is_archive: bool,
}

pub(crate) fn all() -> Vec<Place> {
    let registry = || TestRegistry::start(Options::default()).unwrap();
    let wrong_types = registry();
    wrong_types.rule(Rule::new("GET", "/manifests/", Fault::ContentType("application/json".to_owned())).always());
    let indexes_everywhere = registry();
    let index = baler_image::media_type::OCI_INDEX.to_owned();
    indexes_everywhere.rule(Rule::new("GET", "/manifests/", Fault::ContentType(index)).always());
    let without_headers = registry();
    without_headers.rule(Rule::new("GET", "/manifests/", Fault::NoDigestHeader).always());
    [
        ("a registry", Kind::Registry(registry())),
        ("a registry that does not know its types", Kind::Registry(wrong_types)),
        ("a registry that calls everything an index", Kind::Registry(indexes_everywhere)),
        ("a registry that tells no digests", Kind::Registry(without_headers)),
        ("the store", Kind::Store),
        ("a layout", Kind::Layout),
        ("an archive", Kind::Archive),
    ]
    .map(|(what, kind)| {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store"), SandboxProgram::current()).unwrap();
        Place { what, kind, directory, store }
    })
    .into()
}

impl Place {
    /// Puts the document there, under its tag and as the latest.
    pub(crate) fn hold(&self, name: &str, document: &Document) -> Held {
        let repository = format!("table/{}", name.to_lowercase().replace(' ', "-"));
        let path = self.directory.path().join(name.replace(' ', "-"));
        let is_archive = matches!(self.kind, Kind::Archive);
        let held = |repository| Held { repository, path: path.clone(), is_archive };
        match &self.kind {
            Kind::Registry(registry) => {
                for bytes in &document.blobs {
                    registry.put_blob(&repository, bytes).unwrap();
                }
                for (media_type, bytes) in &document.manifests {
                    registry.put_manifest(&repository, None, media_type, bytes).unwrap();
                }
                let (media_type, bytes) = &document.top;
                for tag in [TAG, "latest"] {
                    registry.put_manifest(&repository, Some(tag), media_type, bytes).unwrap();
                }
                held(Some(format!("{}/{repository}", registry.address())))
            }
            Kind::Store => {
                let repository = format!("127.0.0.1:1/{repository}");
                let names = [format!("{repository}:{TAG}"), repository.clone()];
                put(&self.store, document, &names.map(|name| name.parse().unwrap()));
                held(Some(repository))
            }
            Kind::Layout | Kind::Archive => {
                let layout = Layout::create_or_open(&path).unwrap();
                put(&layout, document, &[layout.image_name(Some(TAG)), layout.image_name(Some("latest"))]);
                if is_archive {
                    let tar = std::process::Command::new("tar")
                        .args(["-cf", &format!("{}.tar", path.display()), "-C"])
                        .args([&*path, ".".as_ref()])
                        .status();
                    assert!(tar.unwrap().success());
                }
                held(None)
            }
        }
    }

    /// Paths have names in place of tags, and no digests.
    pub(crate) fn has_form(&self, form: &Form) -> bool {
        match self.kind {
            Kind::Registry(_) => true,
            // The store has what was put there under a name.
            Kind::Store => form.index.is_some() || form.is_by_tag() || form.what.contains("its digest"),
            Kind::Layout | Kind::Archive => form.is_by_tag(),
        }
    }

    pub(crate) fn search(&self) -> Search {
        match self.kind {
            Kind::Registry(_) => Search::By(PullPolicy::IfNotPresent),
            Kind::Store | Kind::Layout | Kind::Archive => Search::STORE,
        }
    }

    pub(crate) fn holding(&self) -> Holding {
        match self.kind {
            Kind::Store | Kind::Layout | Kind::Archive => Holding::Part,
            Kind::Registry(_) => Holding::All,
        }
    }

    pub(crate) fn counts_requests(&self) -> bool {
        matches!(self.kind, Kind::Registry(_))
    }

    pub(crate) fn requests(&self) -> usize {
        match &self.kind {
            Kind::Registry(registry) => registry.log().len(),
            Kind::Store | Kind::Layout | Kind::Archive => 0,
        }
    }

    /// A new command.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            store: &self.store,
            output: &Silent,
            interrupt: Interrupt::default(),
            places: Places::new(Registries::new(|| Ok(baler_registry::Settings::default()))),
            pull_policy: PullPolicy::IfNotPresent,
            caller: Identity { uid: 1000, gid: 1000, user_name: None },
            host_ids: HostIds::default(),
            program: SandboxProgram::current(),
            program_file: PathBuf::new(),
            launchers: |_| None,
            variables: BTreeMap::new(),
            threads: NonZeroUsize::MIN,
        }
    }
}

impl Held {
    /// The name under which the place has the document.
    pub(crate) fn name(&self, form: &Form) -> ImageName {
        if let Some(repository) = &self.repository {
            return format!("{repository}{}", form.suffix).parse().unwrap();
        }
        let name = if form.suffix.is_empty() { "latest" } else { form.suffix.trim_start_matches(':') };
        let name = Some(name.to_owned());
        ImageName::from(if self.is_archive {
            let path = PathBuf::from(format!("{}.tar", self.path.display()));
            Target::Archive { kind: ArchiveKind::Oci, path, name }
        } else {
            Target::Layout { path: self.path.clone(), name }
        })
    }
}

fn put(sink: &dyn Sink, document: &Document, names: &[ImageName]) {
    let manifests = document.manifests.iter().map(|(_, bytes)| bytes);
    for bytes in document.blobs.iter().chain(manifests).chain([&document.top.1]) {
        let descriptor = Descriptor::of("", bytes);
        if sink.has_blob(&descriptor.digest).unwrap() {
            continue;
        }
        let mut blob = sink.begin_blob().unwrap();
        std::io::Write::write_all(&mut blob, bytes).unwrap();
        blob.commit(&descriptor.digest, descriptor.size).unwrap();
    }
    let descriptor = Descriptor::of(&document.top.0, &document.top.1);
    for name in names {
        sink.put_document(name, &descriptor, &document.top.1).unwrap();
    }
}
