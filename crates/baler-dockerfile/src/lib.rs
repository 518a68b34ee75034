//! The Dockerfiles that image extensions generate: which base image they name, and what they do to it.
//!
//! Image Extension specification, "Dockerfiles". Text in, a value out: nothing is read from disk, nothing is applied.
//! Refuses what would be misunderstood later: several stages, a `FROM` that depends on variables other than
//! `${base_image}`, a build.Dockerfile that names a base of its own.

mod error;
mod parse;

pub use error::DockerfileError;

/// Which image a Dockerfile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// build.Dockerfile: it extends the build image.
    Build,
    /// run.Dockerfile: it switches the run image, extends it, or both.
    Run,
}

/// A Dockerfile that an extension generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dockerfile {
    pub kind: Kind,
    pub base: Base,
    /// The line of `FROM`.
    pub from_line: usize,
    /// `FROM` has a `--platform`, which has no effect: the platform is that of the build.
    pub has_platform_flag: bool,
    /// What stands below `FROM`.
    pub instructions: Vec<Instruction>,
}

/// What `FROM` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// `${base_image}`: the image as it is so far.
    BaseImage,
    /// Another image, under the name that the extension wrote.
    Image(String),
}

/// An instruction below `FROM`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// In upper case, such as `RUN`.
    pub name: &'static str,
    /// Where it begins; the first line is 1.
    pub line: usize,
}

impl Kind {
    /// The name of the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Build => "build.Dockerfile",
            Self::Run => "run.Dockerfile",
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Build => "build",
            Self::Run => "run",
        })
    }
}

impl Dockerfile {
    /// Reads the text of a Dockerfile.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self, DockerfileError> {
        parse::parse(kind, bytes)
    }

    /// The image that is to be used instead, if there is one.
    pub fn new_base(&self) -> Option<&str> {
        match &self.base {
            Base::BaseImage => None,
            Base::Image(name) => Some(name),
        }
    }

    /// Whether it changes the files or the configuration of its base.
    pub fn extends(&self) -> bool {
        !self.instructions.is_empty()
    }

    /// The instructions that the specification advises against.
    pub fn not_recommended(&self) -> impl Iterator<Item = &Instruction> {
        const RECOMMENDED: [&str; 9] = ["ADD", "ARG", "COPY", "ENV", "LABEL", "RUN", "SHELL", "USER", "WORKDIR"];
        self.instructions.iter().filter(|instruction| !RECOMMENDED.contains(&instruction.name))
    }
}
