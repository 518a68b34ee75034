//! From text to [`Dockerfile`]; the syntax itself (escapes, continued lines, here-documents) is another crate's.

use parse_dockerfile::{ArgInstruction, FromInstruction, Instruction as Syntax};

use super::{Base, Dockerfile, DockerfileError, Instruction, Kind};

/// What stands for the present image, in exactly this form.
const BASE_IMAGE: &str = "${base_image}";

pub(super) fn parse(kind: Kind, bytes: &[u8]) -> Result<Dockerfile, DockerfileError> {
    let text = std::str::from_utf8(bytes).map_err(|source| DockerfileError::NotText { kind, source })?;
    // Places are counted without it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let ends: Vec<usize> = text.match_indices('\n').map(|(position, _)| position).collect();
    let line = |position: usize| 1 + ends.partition_point(|end| *end < position);
    let syntax = parse_dockerfile::parse(text).map_err(|source| DockerfileError::Syntax {
        kind,
        line: source.line(),
        source,
    })?;
    let mut stages = syntax.stages();
    let first = stages.next().map(|stage| stage.from);
    if let Some(second) = stages.next() {
        return Err(DockerfileError::SeveralStages { kind, line: line(second.from.from.span.start) });
    }
    let from = first.ok_or(DockerfileError::NoBase { kind, line: 1 })?;
    let from_line = line(from.from.span.start);
    let base = base(kind, from, from_line)?;
    if kind == Kind::Build {
        check_preamble(syntax.global_args(), from_line)?;
        if let Base::Image(found) = base {
            return Err(DockerfileError::OtherBase { line: from_line, found });
        }
    }
    let below = syntax.stages().next().map(|stage| stage.instructions).unwrap_or_default();
    let instruction = |syntax: &Syntax<'_>| {
        let (name, position) = keyword(syntax);
        Instruction { name, line: line(position) }
    };
    Ok(Dockerfile {
        kind,
        base,
        from_line,
        has_platform_flag: from.options.iter().any(|flag| flag.name.value == "platform"),
        instructions: below.iter().map(instruction).collect(),
    })
}

fn base(kind: Kind, from: &FromInstruction<'_>, line: usize) -> Result<Base, DockerfileError> {
    let found = from.image.value.to_string();
    match found.as_str() {
        BASE_IMAGE => Ok(Base::BaseImage),
        "" => Err(DockerfileError::NoBase { kind, line }),
        "scratch" => Err(DockerfileError::Scratch { kind, line }),
        text if text.contains('$') => Err(DockerfileError::Variable { kind, line, found }),
        _ => Ok(Base::Image(found)),
    }
}

/// A build.Dockerfile has one `ARG` before `FROM`, whose first name is `base_image`.
fn check_preamble<'a, 'b: 'a>(
    mut arguments: impl Iterator<Item = &'a ArgInstruction<'b>>,
    line: usize,
) -> Result<(), DockerfileError> {
    let is_base_image = |argument: &ArgInstruction<'_>| {
        let mut words = argument.arguments.value.split([' ', '\t', '=']);
        words.next() == Some("base_image")
    };
    match (arguments.next(), arguments.next()) {
        (Some(argument), None) if is_base_image(argument) => Ok(()),
        (Some(_) | None, _) => Err(DockerfileError::NoArgument { line }),
    }
}

/// The name of an instruction, and where it begins.
fn keyword(syntax: &Syntax<'_>) -> (&'static str, usize) {
    let (name, keyword) = match syntax {
        Syntax::Add(add) => ("ADD", &add.add),
        Syntax::Arg(arg) => ("ARG", &arg.arg),
        Syntax::Cmd(cmd) => ("CMD", &cmd.cmd),
        Syntax::Copy(copy) => ("COPY", &copy.copy),
        Syntax::Entrypoint(entrypoint) => ("ENTRYPOINT", &entrypoint.entrypoint),
        Syntax::Env(env) => ("ENV", &env.env),
        Syntax::Expose(expose) => ("EXPOSE", &expose.expose),
        Syntax::From(from) => ("FROM", &from.from),
        Syntax::Healthcheck(healthcheck) => ("HEALTHCHECK", &healthcheck.healthcheck),
        Syntax::Label(label) => ("LABEL", &label.label),
        Syntax::Maintainer(maintainer) => ("MAINTAINER", &maintainer.maintainer),
        Syntax::Onbuild(onbuild) => ("ONBUILD", &onbuild.onbuild),
        Syntax::Run(run) => ("RUN", &run.run),
        Syntax::Shell(shell) => ("SHELL", &shell.shell),
        Syntax::Stopsignal(stopsignal) => ("STOPSIGNAL", &stopsignal.stopsignal),
        Syntax::User(user) => ("USER", &user.user),
        Syntax::Volume(volume) => ("VOLUME", &volume.volume),
        Syntax::Workdir(workdir) => ("WORKDIR", &workdir.workdir),
        // The other crate may learn further ones; none is recommended.
        _ => return ("unknown instruction", 0),
    };
    (name, keyword.span.start)
}
