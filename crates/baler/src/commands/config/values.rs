//! Settings that are one value.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use baler_image::{ImageName, Platform, Reference, Wanted};
use baler_platform::images::inspect;
use baler_platform::places::{Asked, Needed, PullPolicy, Search, locate};

use super::{in_effect, other, own_file, set};
use crate::arguments::ValueArguments;
use crate::config::{ConfigFile, Value};
use crate::host::{Host, default_pull_policy, is_called_pack};
use crate::output::Console;

/// The file that the commands change does not have it.
#[derive(Debug, thiserror::Error)]
#[error("'{value}' is set in {}, which another program's commands change", path.display())]
pub(crate) struct SetElsewhere {
    value: String,
    path: PathBuf,
}

/// An image cannot be what builds start from.
#[derive(Debug, thiserror::Error)]
#[error("'{0}' is no builder: it has no label io.buildpacks.builder.metadata")]
pub(crate) struct NotABuilder(ImageName);

/// What is said of a setting that names an image.
struct Words {
    flag: &'static str,
    name: &'static str,
    /// Where there is nothing, and where there was nothing.
    none: [&'static str; 2],
}

/// Shows or unsets such a setting; the image that it is to name, where one is given.
fn image_to_set<'a>(
    setting: Value,
    arguments: &'a ValueArguments,
    words: &Words,
    console: &Console,
) -> anyhow::Result<Option<&'a str>> {
    let Words { flag, name, none: [is_none, was_none] } = words;
    match (arguments.value.as_deref(), arguments.unset) {
        (Some(_), true) => bail!("{flag} and --unset cannot be specified simultaneously"),
        (None, true) => match unset(setting)? {
            Some(old) => console.result(&format!("Successfully unset {name} '{old}'")),
            None => console.result(was_none),
        },
        (None, false) => match setting.of(&in_effect()?) {
            Some(image) => console.result(&format!("The current {name} is '{image}'")),
            None => console.result(is_none),
        },
        (image, false) => return Ok(image),
    }
    Ok(None)
}

pub(super) fn default_builder(arguments: &ValueArguments, console: &Console) -> anyhow::Result<()> {
    let none = ["No default builder is set.", "No default builder was set"];
    let words = Words { flag: "default builder", name: "default builder", none };
    let setting = Value::DefaultBuilder;
    if let Some(name) = image_to_set(setting, arguments, &words, console)? {
        exists(name, console).with_context(|| format!("validating that builder '{name}' exists"))?;
        set(|file| file.set_text(setting, name))?;
        console.result(&format!("Builder '{name}' is now the default builder"));
    }
    Ok(())
}

pub(super) fn pull_policy(arguments: &ValueArguments, console: &Console) -> anyhow::Result<()> {
    let setting = Value::PullPolicy;
    match (&arguments.value, arguments.unset) {
        (Some(_), true) => bail!("pull policy and --unset cannot be specified simultaneously"),
        (None, true) => {
            let old = unset(setting)?;
            if let Some(old) = old {
                console.result(&format!("Successfully unset pull policy '{old}'"));
            }
            console.result(&format!("Pull policy has been set to '{}'", policy_in_effect()?));
        }
        (None, false) => console.result(&format!("The current pull policy is '{}'", policy_in_effect()?)),
        (Some(text), false) => {
            let policy: PullPolicy = text.parse()?;
            if own_file()?.text(setting) == Some(policy.to_string().as_str()) {
                console.result(&format!("Pull policy is already set to '{policy}'"));
                return Ok(());
            }
            set(|file| file.set_text(setting, &policy.to_string()))?;
            console.result(&format!("Successfully set '{policy}' as the pull policy"));
        }
    }
    Ok(())
}

pub(super) fn lifecycle_image(arguments: &ValueArguments, console: &Console) -> anyhow::Result<()> {
    let none =
        ["No custom lifecycle image is set. Baler has a lifecycle of its own.", "No custom lifecycle image was set."];
    let words = Words { flag: "lifecycle image", name: "custom lifecycle image", none };
    let setting = Value::LifecycleImage;
    if let Some(name) = image_to_set(setting, arguments, &words, console)? {
        name.parse::<Reference>()?;
        if own_file()?.text(setting) == Some(name) {
            console.result(&format!("Custom lifecycle image is already set to '{name}'"));
            return Ok(());
        }
        set(|file| file.set_text(setting, name))?;
        console.result(&format!("Image '{name}' will now be used as the lifecycle image"));
    }
    Ok(())
}

pub(super) fn experimental(value: Option<&str>, console: &Console) -> anyhow::Result<()> {
    // Truth as Go's `strconv.ParseBool` has it.
    let wanted = match value {
        Some("1" | "t" | "T" | "TRUE" | "true" | "True") => Some(true),
        Some("0" | "f" | "F" | "FALSE" | "false" | "False") => Some(false),
        Some(other) => bail!("invalid value '{other}' provided: it is true or false"),
        None => None,
    };
    let Some(wanted) = wanted else {
        console.result(if in_effect()?.experimental {
            "Experimental features are enabled! To turn them off, run `pack config experimental false`"
        } else {
            "Experimental features aren't currently enabled. To enable them, run `pack config experimental true`"
        });
        return Ok(());
    };
    set(|file| file.set_experimental(wanted))?;
    console.result(if wanted { "Experimental features enabled!" } else { "Experimental features disabled" });
    Ok(())
}

/// Takes a setting out of the file; nothing if no file has it.
fn unset(setting: Value) -> anyhow::Result<Option<String>> {
    let mut file = own_file()?;
    let Some(old) = file.text(setting).map(str::to_owned) else {
        return elsewhere(setting, &file);
    };
    file.unset(setting);
    file.save()?;
    Ok(Some(old))
}

fn elsewhere(setting: Value, file: &ConfigFile) -> anyhow::Result<Option<String>> {
    let Some(source) = other(file)? else { return Ok(None) };
    match setting.of(&source.config) {
        Some(value) => Err(SetElsewhere { value: value.to_owned(), path: source.path }.into()),
        None => Ok(None),
    }
}

/// The pull policy that builds have without a flag.
fn policy_in_effect() -> anyhow::Result<String> {
    let config = in_effect()?;
    Ok(Value::PullPolicy.of(&config).map_or_else(|| default_pull_policy().to_string(), str::to_owned))
}

fn exists(name: &str, console: &Console) -> anyhow::Result<()> {
    let name: ImageName = name.parse()?;
    let host = Host::open()?;
    let context = host.context(console, None)?;
    let wanted = Wanted::Preferably(Platform::host());
    let search = Search::By(PullPolicy::IfNotPresent);
    let asked = Asked { role: "builder", name: &name, wanted: &wanted, search, needed: Needed::Documents };
    let located = match locate(&context, &asked) {
        Err(error) if error.is_absent() && is_called_pack() => bail!("builder '{name}' not found"),
        located => located?,
    };
    let found = inspect(located.image);
    if found.builder.is_none() {
        return Err(NotABuilder(name).into());
    }
    Ok(())
}
