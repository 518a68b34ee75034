//! Settings that are lists: mirrors, and builders that `pack` trusts.

use anyhow::bail;
use baler_cnb::run::RunImage;
use baler_image::Reference;
use baler_registry::LoginKey;

use super::{change, in_effect, set};
use crate::arguments::{RegistryMirrorsArguments, RunImageMirrorsArguments, TrustedBuildersArguments};
use crate::output::Console;

pub(super) fn run_image_mirrors(command: Option<RunImageMirrorsArguments>, console: &Console) -> anyhow::Result<()> {
    match command.unwrap_or(RunImageMirrorsArguments::List { image: None }) {
        RunImageMirrorsArguments::List { image } => {
            let all = in_effect()?.run_images;
            let is_asked = |run: &&RunImage| image.as_ref().is_none_or(|image| *image == run.image);
            let listed: Vec<&RunImage> = all.iter().filter(is_asked).collect();
            match (&listed[..], image) {
                ([], Some(image)) => console.result(&format!("No mirrors have been set for '{image}'")),
                ([], None) => console.result("No run image mirrors have been set"),
                (listed, _) => {
                    console.result("Run Image Mirrors:");
                    for run in listed {
                        console.result(&format!("  '{}':", run.image));
                        run.mirrors.iter().for_each(|mirror| console.result(&format!("    {mirror}")));
                    }
                }
            }
        }
        RunImageMirrorsArguments::Add { image, mirror } => {
            if mirror.is_empty() {
                console.result("No run image mirrors were provided.");
                return Ok(());
            }
            for name in mirror.iter().chain([&image]) {
                name.parse::<Reference>()?;
            }
            set(|file| file.add_run_image_mirrors(&image, &mirror))?;
            for mirror in mirror {
                console.result(&format!("Run Image '{image}' configured with mirror '{mirror}'"));
            }
        }
        RunImageMirrorsArguments::Remove { image, mirror } => {
            let was_there = change(|file| file.remove_run_image_mirrors(&image, &mirror))?;
            console.result(&match &mirror[..] {
                _ if !was_there => format!("No run image mirrors have been set for '{image}'"),
                [] => format!("Removed all run image mirrors for '{image}'"),
                mirrors => format!("Removed mirrors {} for '{image}'", mirrors.join(", ")),
            });
        }
    }
    Ok(())
}

/// The mirrors of a run image, in place of those that were set.
pub(crate) fn replace_run_image_mirrors(image: &str, mirrors: &[String], console: &Console) -> anyhow::Result<()> {
    for name in mirrors.iter().map(String::as_str).chain([image]) {
        name.parse::<Reference>()?;
    }
    set(|file| {
        file.remove_run_image_mirrors(image, &[]);
        if !mirrors.is_empty() {
            file.add_run_image_mirrors(image, mirrors);
        }
    })?;
    if mirrors.is_empty() {
        console.result(&format!("All mirrors removed for Run Image '{image}'"));
    }
    for mirror in mirrors {
        console.result(&format!("Run Image '{image}' configured with mirror '{mirror}'"));
    }
    Ok(())
}

pub(super) fn registry_mirrors(command: Option<RegistryMirrorsArguments>, console: &Console) -> anyhow::Result<()> {
    match command.unwrap_or(RegistryMirrorsArguments::List) {
        RegistryMirrorsArguments::List => {
            let mirrors = in_effect()?.registry_mirrors;
            if mirrors.is_empty() {
                console.result("No registry mirrors have been set");
                return Ok(());
            }
            console.result("Registry Mirrors:");
            for (registry, mirror) in mirrors {
                console.result(&format!("  {registry}: '{mirror}'"));
            }
        }
        RegistryMirrorsArguments::Add { registry, mirror } => {
            let Some(mirror) = mirror else {
                console.result("A registry mirror was not provided.");
                return Ok(());
            };
            if registry != "*" {
                registry.parse::<LoginKey>()?;
            }
            let mirror: LoginKey = mirror.parse()?;
            set(|file| file.set_registry_mirror(&registry, &mirror.to_string()))?;
            console.result(&format!("Registry '{registry}' configured with mirror '{mirror}'"));
        }
        RegistryMirrorsArguments::Remove { registry } => {
            console.result(&if change(|file| file.remove_registry_mirror(&registry))? {
                format!("Removed mirror for '{registry}'")
            } else {
                format!("No registry mirror has been set for '{registry}'")
            });
        }
    }
    Ok(())
}

pub(super) fn trusted_builders(command: Option<TrustedBuildersArguments>, console: &Console) -> anyhow::Result<()> {
    match command.unwrap_or(TrustedBuildersArguments::List) {
        TrustedBuildersArguments::List => {
            let mut names: Vec<String> =
                in_effect()?.trusted_builders.into_iter().map(|builder| builder.name).collect();
            names.sort();
            names.dedup();
            console.result("Trusted Builders:");
            for name in names {
                console.result(&format!("  {name}"));
            }
        }
        TrustedBuildersArguments::Add { builder } => {
            if builder.parse::<Reference>().is_err() {
                bail!("'{builder}' is not the name of an image");
            }
            let word = if change(|file| file.trust(&builder))? { "now" } else { "already" };
            console.result(&format!("Builder '{builder}' is {word} trusted"));
        }
        TrustedBuildersArguments::Remove { builder } => {
            let words = if change(|file| file.distrust(&builder))? { "is no longer" } else { "wasn't" };
            console.result(&format!("Builder '{builder}' {words} trusted"));
        }
    }
    Ok(())
}
