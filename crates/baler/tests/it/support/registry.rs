//! A real `docker-registry` on loopback that writes down its requests.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use baler_image::{Descriptor, Digest, Platform, ResolvedImage, Sink as _, Wanted, media_type, resolve};
use baler_registry::{Client, RegistrySink, RegistrySource, Settings};
use baler_store::{Layout, copy_image};

/// The registry; it ends with its value.
pub struct Registry {
    process: Child,
    pub address: String,
    directory: tempfile::TempDir,
}

/// A request that the registry answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Without its query.
    pub path: String,
    pub query: String,
    pub status: u16,
}

impl Registry {
    /// Starts one; `None` after saying what is missing.
    pub fn start() -> Option<Self> {
        if Command::new("docker-registry").arg("--version").stdout(Stdio::null()).status().is_err() {
            eprintln!("SKIP: needs docker-registry (Debian's package)");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        drop(listener);
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            directory.path().join("data").display()
        );
        super::write(&directory.path().join("config.yml"), &config);
        let log = std::fs::File::create(directory.path().join("requests")).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(directory.path().join("config.yml")).stdout(log).stderr(Stdio::null());
        let process = super::spawn(&mut command);
        let deadline = Instant::now() + Duration::from_mins(1);
        while TcpStream::connect(&address).is_err() {
            assert!(Instant::now() < deadline, "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(Self { process, address, directory })
    }

    /// The name of `repository` here.
    pub fn name(&self, repository: &str) -> String {
        format!("{}/{repository}", self.address)
    }

    /// Pushes the image `name` of an OCI layout to `repository`.
    pub fn push(&self, layout: &Path, name: &str, repository: &str) {
        let layout = Layout::open(layout).unwrap();
        let image = resolve(&layout.image_name(Some(name)), &Wanted::Preferably(Platform::host()), &layout).unwrap();
        let target: baler_image::ImageName = self.name(repository).parse().unwrap();
        let client = Arc::new(Client::new(Settings::default()).unwrap());
        let sink = RegistrySink::new(client, target.reference().unwrap().into());
        copy_image(&image, &layout, &sink, &target, &|_| {}).unwrap();
    }

    /// The image that `repository` stands for here.
    pub fn image(&self, repository: &str) -> ResolvedImage {
        let name: baler_image::ImageName = self.name(repository).parse().unwrap();
        let client = Arc::new(Client::new(Settings::default()).unwrap());
        let source = RegistrySource::new(client, name.reference().unwrap().into());
        resolve(&name, &Wanted::Preferably(Platform::host()), &source).unwrap()
    }

    /// Gives the image `repository:tag` an index of its own, under the tag `index`. Returns the index's digest.
    pub fn push_index(&self, repository: &str, tag: &str) -> Digest {
        let entry = self.image(&format!("{repository}:{tag}")).descriptor();
        let foreign = Descriptor { platform: Some(Platform::new("linux", "s390x")), ..entry.clone() };
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [foreign, entry]});
        let bytes = serde_json::to_vec(&index).unwrap();
        let descriptor = Descriptor::of(media_type::OCI_INDEX, &bytes);
        let name: baler_image::ImageName = self.name(&format!("{repository}:index")).parse().unwrap();
        let client = Arc::new(Client::new(Settings::default()).unwrap());
        RegistrySink::new(client, name.reference().unwrap().into()).put_document(&name, &descriptor, &bytes).unwrap();
        descriptor.digest
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        let text = std::fs::read(self.directory.path().join("requests")).unwrap();
        String::from_utf8_lossy(&text).lines().filter_map(Request::parse).collect()
    }

    /// The requests that `act` makes, and what it returns.
    pub fn watch<T>(&self, act: impl FnOnce() -> T) -> (T, Vec<Request>) {
        let before = self.requests().len();
        let result = act();
        (result, self.requests().split_off(before))
    }
}

impl Request {
    /// Reads a line of Apache's format, as the registry writes it.
    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split('"');
        let request = parts.nth(1)?;
        let status = parts.next()?.split_whitespace().next()?.parse().ok()?;
        let mut words = request.split(' ');
        let (method, target) = (words.next()?.to_owned(), words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Some(Self { method, path: path.to_owned(), query: query.to_owned(), status })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // A second panic would end all tests.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
