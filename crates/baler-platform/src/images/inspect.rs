//! What an image is made of: digests, layers, and what the labels of an app image or a builder say; in its registry and
//! here (platform-behaviour 5.3).

use baler_cnb::labels::{
    BUILD_METADATA, BUILDER_METADATA, BuildLabel, BuildLabelBuildpack, BuildLabelCommand, BuilderLabel,
    LIFECYCLE_METADATA, LifecycleMetadata,
};
use baler_image::{ImageName, Platform, ResolvedImage, Wanted};

use crate::context::Context;
use crate::places::{Asked, LocateError, Needed, Search, locate};

/// Where the links of process types are in an app image.
const PROCESSES: &str = "/cnb/process/";

/// An image with its labels read. A label that is absent or cannot be read is `None`.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub image: ResolvedImage,
    pub lifecycle: Option<LifecycleMetadata>,
    pub build: Option<BuildLabel>,
    pub builder: Option<BuilderLabel>,
}

/// What one side has.
#[derive(Debug)]
pub enum Side {
    Present(Box<Inspection>),
    Absent,
    Failed(LocateError),
}

/// An image in its registry, and on this machine.
#[derive(Debug)]
pub struct Sides {
    pub remote: Side,
    pub local: Side,
}

/// A process as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedProcess {
    pub process_type: String,
    /// Empty, or the shell that starts it.
    pub shell: &'static str,
    pub command: String,
    pub args: Vec<String>,
    pub working_directory: String,
    pub is_default: bool,
}

/// Reads the labels.
pub fn inspect(image: ResolvedImage) -> Inspection {
    let read = |label| image.config().label(label).map(str::to_owned);
    let parse = |label| read(label).unwrap_or_default();
    Inspection {
        lifecycle: serde_json::from_str(&parse(LIFECYCLE_METADATA)).ok(),
        build: serde_json::from_str(&parse(BUILD_METADATA)).ok(),
        builder: serde_json::from_str(&parse(BUILDER_METADATA)).ok(),
        image,
    }
}

/// Looks here, and if `remote` in the registry, too. A path has no remote side.
pub fn inspect_sides(context: &Context<'_>, name: &ImageName, remote: bool) -> Sides {
    let remote =
        if remote && name.reference().is_some() { side(context, name, Search::Registry) } else { Side::Absent };
    Sides { remote, local: side(context, name, Search::STORE) }
}

fn side(context: &Context<'_>, name: &ImageName, search: Search) -> Side {
    let wanted = Wanted::Preferably(Platform::host());
    match locate(context, &Asked { role: "image", name, wanted: &wanted, search, needed: Needed::Documents }) {
        Ok(located) => Side::Present(Box::new(inspect(located.image))),
        // A path is in one place, and what is wrong with it is what there is to say.
        Err(error) if error.is_absent() && name.reference().is_some() => Side::Absent,
        Err(error) => Side::Failed(error),
    }
}

impl Inspection {
    /// The id of the stack, of images that still have one.
    pub fn stack(&self) -> &str {
        self.image.config().label("io.buildpacks.stack.id").unwrap_or_default()
    }

    /// Whether another run image may take the place of the one below.
    pub fn is_rebasable(&self) -> bool {
        self.image.config().label("io.buildpacks.rebasable") != Some("false")
    }

    /// The run image that the app was built on, and its mirrors.
    pub fn run_images(&self) -> Vec<&str> {
        let known = self.lifecycle.as_ref().and_then(|metadata| metadata.known_run_image());
        let names = known.into_iter().flat_map(|image| std::iter::once(&image.image).chain(&image.mirrors));
        names.map(String::as_str).filter(|name| !name.is_empty()).collect()
    }

    /// The buildpacks of the group.
    pub fn buildpacks(&self) -> &[BuildLabelBuildpack] {
        self.build.as_ref().map_or(&[], |build| &build.buildpacks)
    }

    /// The extensions of the group.
    pub fn extensions(&self) -> &[BuildLabelBuildpack] {
        self.build.as_ref().map_or(&[], |build| &build.extensions)
    }

    /// The processes, the default one first.
    pub fn processes(&self) -> Vec<ListedProcess> {
        let default = self.default_process();
        let working_directory = &self.image.config().config.working_dir;
        let processes = self.build.iter().flat_map(|build| &build.processes);
        let mut listed: Vec<ListedProcess> = processes
            .map(|process| {
                let (command, rest) = match &process.command {
                    BuildLabelCommand::Text(command) => (command.clone(), &[][..]),
                    BuildLabelCommand::List(list) => match list.split_first() {
                        Some((command, rest)) => (command.clone(), rest),
                        None => (String::new(), &[][..]),
                    },
                };
                let own = Some(&process.working_dir).filter(|directory| !directory.is_empty());
                ListedProcess {
                    process_type: process.process_type.clone(),
                    shell: if process.direct { "" } else { "bash" },
                    command,
                    args: rest.iter().chain(process.args.iter().flatten()).cloned().collect(),
                    working_directory: own.unwrap_or(working_directory).clone(),
                    is_default: Some(process.process_type.as_str()) == default,
                }
            })
            .collect();
        listed.sort_by_key(|process| !process.is_default);
        listed
    }

    /// The process that the entry point is.
    fn default_process(&self) -> Option<&str> {
        let entrypoint = self.image.config().config.entrypoint.as_deref().unwrap_or_default();
        entrypoint.first()?.strip_prefix(PROCESSES)
    }
}
