//! What is wrong with a Dockerfile.

use super::Kind;

/// What is wrong with a Dockerfile. The lines count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DockerfileError {
    #[error("{} is not UTF-8 text", .kind.file_name())]
    NotText { kind: Kind, source: std::str::Utf8Error },
    #[error("{} cannot be read as a Dockerfile", .kind.file_name())]
    Syntax { kind: Kind, line: usize, source: parse_dockerfile::Error },
    #[error("{} is not permitted to use multistage build: there is a second FROM in line {line}", .kind.file_name())]
    SeveralStages { kind: Kind, line: usize },
    #[error(
        "build.Dockerfile did not start with required ARG command: `ARG base_image`, and no other before line {line}"
    )]
    NoArgument { line: usize },
    #[error(
        "build.Dockerfile did not contain required FROM ${{base_image}} command: line {line} has FROM {found}, and only the run image can be another one"
    )]
    OtherBase { line: usize, found: String },
    #[error("{} names no image in line {line}", .kind.file_name())]
    NoBase { kind: Kind, line: usize },
    #[error(
        "{} has variables in FROM {found} (line {line}): the name of an image is written out, and the present image is ${{base_image}} exactly",
        .kind.file_name()
    )]
    Variable { kind: Kind, line: usize, found: String },
    #[error("{} names scratch in line {line}, which has nothing to run", .kind.file_name())]
    Scratch { kind: Kind, line: usize },
}

impl DockerfileError {
    /// The line that is wrong, where it is one.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::NotText { .. } => None,
            Self::Syntax { line, .. } => (*line > 0).then_some(*line),
            Self::SeveralStages { line, .. }
            | Self::NoArgument { line }
            | Self::OtherBase { line, .. }
            | Self::NoBase { line, .. }
            | Self::Variable { line, .. }
            | Self::Scratch { line, .. } => Some(*line),
        }
    }
}
