//! `baler rebase`.

use std::process::ExitCode;

use baler_image::ImageName;
use baler_platform::rebase::{RebaseRequest, rebase};

use crate::arguments::RebaseArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: RebaseArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let parse = |name: Option<String>| name.map(|name| name.parse::<ImageName>()).transpose();
    let mut host = Host::open()?;
    host.set_pull_policy(arguments.pull_policy.as_deref())?;
    host.set_insecure_registries(arguments.registry.insecure_registry);
    let request = RebaseRequest {
        image: arguments.image.parse()?,
        previous_image: parse(arguments.previous_image)?,
        run_image: parse(arguments.run_image)?,
        run_image_mirrors: host.config().run_images.clone(),
        publish: arguments.publish,
        force: arguments.force,
        report: arguments.report_output_dir,
    };
    let rebased = rebase(&host.context(console, None)?, &request)?;
    let (image, digest) = (&request.image, rebased.image.digest());
    if console.is_quiet() {
        console.result(&format!("{image}@{digest}"));
        return Ok(ExitCode::SUCCESS);
    }
    console.result(&format!("Rebased Image: '{digest}'"));
    console.result(&format!("Successfully rebased image '{image}'"));
    Ok(ExitCode::SUCCESS)
}
