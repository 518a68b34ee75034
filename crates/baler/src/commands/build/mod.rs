//! `baler build`.

mod cache_flag;
mod check;
mod project;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use baler_image::{ArchiveKind, Engine, ImageName, InvalidPlatform, Place, Platform, Target};
use baler_lifecycle::export::{Exported, LayerOutcome, LayerReport};
use baler_lifecycle::toml_file::write_whole;
use baler_platform::Delivery;
use baler_platform::build::{self, BuildRequest, Built, Executor, ExecutorChoice, OutputDirectories};
use baler_platform::certificates::CertificateSource;
use baler_platform::context::Context;
use baler_platform::output::{Level, Output as _};
use baler_platform::volumes::Volume;
use baler_platform::{images, variables};

use super::format::{bytes, duration};
use crate::arguments::{BuildArguments, ExecutorArgument, NetworkArgument};
use crate::failure::NoBuilder;
use crate::host::{Host, is_called_pack};
use crate::output::{Console, Page};

pub(crate) fn run(arguments: BuildArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let timings = arguments.timings.clone();
    let threads = arguments.threads;
    warn_of_path(&arguments, console);
    let mut host = Host::open()?;
    host.set_pull_policy(arguments.pull_policy.as_deref())?;
    host.set_insecure_registries(arguments.registry.insecure_registry.clone());
    host.set_docker_host(arguments.docker_host.clone());
    let context = host.context(console, threads)?;
    let executor = Executor::choose(&context, choice(arguments.executor));
    let lifecycle = arguments.accepted.lifecycle_image.clone();
    let delivery = delivery(&arguments, &context, console)?;
    let request = request(arguments, &host, (executor, delivery), console)?;
    check::names(&request, lifecycle.as_deref(), host.config())?;
    let built = build::build(&context, &request).context("failed to build");
    if let Some(Some(page)) = &timings {
        write_page(page, &request.image, built.as_ref().ok(), console)?;
    }
    let built = built?;
    if timings == Some(None) {
        show_timings(&built, console);
    }
    conclude(&request, &built.exported, console);
    Ok(ExitCode::SUCCESS)
}

/// Where the image goes. Called `pack`, the program has a daemon for its default, and does without one.
fn delivery(arguments: &BuildArguments, context: &Context<'_>, console: &Console) -> anyhow::Result<Delivery> {
    match (arguments.publish, arguments.keep) {
        (true, false) => return Ok(Delivery::Registries),
        (true, true) => return Ok(Delivery::RegistriesAndStore),
        (false, _) if !arguments.daemon && !is_called_pack() => return Ok(Delivery::Store),
        (false, _) => {}
    }
    match context.places.daemons().use_as_local(context.store) {
        Ok(engine) => Ok(Delivery::Daemon(engine)),
        Err(error) if arguments.daemon => Err(error.into()),
        Err(error) => {
            console.line(Level::Warning, &format!("{error}: images are looked for and kept in the local store"));
            Ok(Delivery::Store)
        }
    }
}

/// As in pack, an operating system alone is one on the processor of this machine.
fn platform(text: &str) -> Result<Platform, InvalidPlatform> {
    if text.is_empty() || text.contains('/') {
        return text.parse();
    }
    Ok(Platform { os: text.to_owned(), ..Platform::host() }.normalised())
}

fn choice(argument: ExecutorArgument) -> ExecutorChoice {
    match argument {
        ExecutorArgument::Auto => ExecutorChoice::Automatic,
        ExecutorArgument::Sandbox => ExecutorChoice::Sandbox,
        ExecutorArgument::InPlace => ExecutorChoice::InPlace,
    }
}

fn request(
    arguments: BuildArguments,
    host: &Host,
    (executor, delivery): (Executor, Delivery),
    console: &Console,
) -> anyhow::Result<BuildRequest> {
    let (cache, user) = (check::cache(&arguments, console)?, check::user(&arguments)?);
    let project = project::read(&arguments, console)?;
    let buildpacks = project::modules(&arguments, project.as_ref())?;
    let project = project.unwrap_or_default();
    let configured = project
        .builder
        .clone()
        .or_else(|| Some(host.config().default_builder_image.clone()).filter(|name| !name.is_empty()));
    let builder = match (arguments.builder, executor, configured) {
        (Some(builder), ..) | (None, Executor::Sandbox, Some(builder)) => builder,
        (None, Executor::InPlace, _) => "in-place".to_owned(),
        (None, Executor::Sandbox, None) => return Err(NoBuilder { has: images::builders(host.store())? }.into()),
    };
    let lookup = |name: &str| host.variable(name);
    Ok(BuildRequest {
        image: arguments.image.parse()?,
        builder: builder.parse()?,
        executor,
        tags: arguments.tag.iter().map(|name| name.parse()).collect::<Result<_, _>>()?,
        delivery,
        cache,
        user,
        run_image_mirrors: host.config().run_images.clone(),
        previous_image: arguments.previous_image.map(|name| name.parse()).transpose()?,
        application: arguments.path,
        workspace: arguments.workspace.parse()?,
        buildpacks,
        files: project.files,
        project: project.metadata,
        variables: {
            let mut variables = project.variables;
            variables.extend(variables::read(&arguments.env_file, &arguments.env, &lookup)?);
            variables
        },
        run_image: arguments.run_image.map(|name| name.parse()).transpose()?,
        platform: arguments.platform.as_deref().map(platform).transpose()?,
        clear_cache: arguments.clear_cache,
        default_process: arguments.default_process,
        created: arguments.creation_time.as_deref().map(creation_time).transpose()?,
        certificates: certificates(&arguments.ca_certificates),
        volumes: arguments.volume.iter().map(|text| Volume::parse(text)).collect::<Result<_, _>>()?,
        without_network: matches!(arguments.network, NetworkArgument::None),
        execution_environment: arguments.exec_env.parse()?,
        outputs: OutputDirectories { sbom: arguments.sbom_output_dir, report: arguments.report_output_dir },
    })
}

fn creation_time(text: &str) -> anyhow::Result<i64> {
    if text == "now" {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock stands before 1970")?;
        return Ok(i64::try_from(since.as_secs())?);
    }
    text.parse().with_context(|| format!("parsing creation time {text}: parsing unix timestamp"))
}

fn certificates(text: &str) -> CertificateSource {
    match text {
        "host" => CertificateSource::Host,
        "image" => CertificateSource::Image,
        path => CertificateSource::File(PathBuf::from(path)),
    }
}

/// `baler build app` in a directory that has `app` is often meant as `baler build NAME --path app`.
fn warn_of_path(arguments: &BuildArguments, console: &Console) {
    let image = &arguments.image;
    if arguments.path == Path::new(".") && PathBuf::from(image).exists() {
        let text = format!(
            "You are building an image named '{image}'. If you mean it as an app directory path, run 'baler build <args> --path {image}'"
        );
        console.line(Level::Warning, &text);
    }
}

fn show_timings(built: &Built, console: &Console) {
    console.result("Timings:");
    for (step, taken) in &built.steps {
        console.result(&format!("  {:<8} {:>9}", step.name(), duration(*taken)));
    }
    console.result("Layers:");
    for layer in &built.exported.layers {
        console.result(&format!("  {}", describe(layer)));
    }
}

/// The time line as a page; also of a build that failed, where it is wanted most.
fn write_page(path: &Path, image: &ImageName, built: Option<&Built>, console: &Console) -> anyhow::Result<()> {
    let (spans, total) = console.recorder.spans();
    let digest = built.map(|built| built.exported.image.digest().to_string());
    let facts = [
        format!("baler {}, {} in all", baler_platform::version::BALER, duration(total)),
        digest.unwrap_or_else(|| "the build failed".to_owned()),
    ];
    let page = Page { title: &format!("Build of {image}"), facts: &facts, spans: &spans, total };
    write_whole(path, page.html().as_bytes()).with_context(|| format!("could not write {}", path.display()))
}

fn describe(layer: &LayerReport) -> String {
    let outcome = match (layer.outcome, layer.was_read) {
        (LayerOutcome::Reused, false) => "reused, not read",
        (LayerOutcome::Reused, true) => "reused",
        (LayerOutcome::Added, _) => "added",
    };
    format!("{outcome:<16} {:>9}  {:>9}  {}", bytes(layer.size), duration(layer.duration), layer.what)
}

/// The last lines: what was built, how to run it, how to hand it to Docker.
fn conclude(request: &BuildRequest, exported: &Exported, console: &Console) {
    let image = &request.image;
    if console.is_quiet() {
        console.result(&format!("{image}@{}", exported.image.identity()));
        return;
    }
    console.result(&format!("Successfully built image '{image}'"));
    if let Place::Daemon { engine, .. } = exported.image.place() {
        let program = match engine {
            Engine::Docker => "docker",
            Engine::Podman => "podman",
        };
        let name = match image.target() {
            Target::Daemon { image, .. } => image.to_string(),
            Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } => image.to_string(),
        };
        console.result(&format!("It is in {engine}: run it with `{program} run {name}`"));
        return;
    }
    let place = match image.target() {
        Target::Reference(reference) if request.publishes() => format!("in the registry {}", reference.registry()),
        Target::Reference(_) => "in the local store".to_owned(),
        Target::Layout { path, .. } => format!("the OCI layout {}", path.display()),
        Target::Archive { kind, path, .. } => format!("the {kind} {}", path.display()),
        Target::Daemon { engine, .. } => format!("in {engine}"),
    };
    let run = format!("run it with `baler run {image}`");
    let hand_on = match image.target() {
        Target::Reference(_) if request.publishes() => format!("or `docker run {image}`"),
        Target::Archive { kind: ArchiveKind::Docker, path, .. } => {
            format!("hand it to Docker with `docker load --input {}`", path.display())
        }
        Target::Reference(_) | Target::Layout { .. } | Target::Archive { .. } | Target::Daemon { .. } => {
            format!("hand it to Docker with `baler save {image} | docker load`")
        }
    };
    console.result(&format!("It is {place}: {run}, {hand_on}"));
}
