//! The sample base images: Debian packages, put together by mmdebstrap, written as one OCI layout with two images.
//!
//! The same packages give the same bytes, on every run, as root and as an ordinary user. Nothing is made anew while the
//! descriptions in `samples/base` are unchanged; `--force` fetches newer packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use baler_image::Digest;
use fs_err as fs;
use serde::Deserialize;

use crate::debian::Mirrors;
use crate::oci_layout::{Image, Layout};
use crate::{command, output, workspace};

/// 1980-01-01T00:00:01Z, the date that buildpack tools give to files whose date says nothing.
const DEFAULT_EPOCH: i64 = 315_532_801;
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Beside the name of an image in the index: the digest of what it was made from.
const INPUTS: &str = "dev.baler.base.inputs";

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Where the OCI layout goes [default: target/dist/base]
    #[arg(long, value_name = "DIRECTORY")]
    output: Option<PathBuf>,
    /// Make the images again although nothing changed
    #[arg(long)]
    force: bool,
}

/// `samples/base/NAME.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    image: String,
    suite: String,
    packages: Vec<String>,
    user: User,
    #[serde(default)]
    env: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let directory = options.output.clone().unwrap_or_else(|| workspace::dist().join("base"));
    let epoch = epoch()?;
    let inputs = inputs(epoch)?;
    if !options.force && is_current(&directory, &inputs) {
        output::step(&format!("base images are there: {}", directory.display()));
        return Ok(());
    }
    let parent = directory.parent().context("the output directory has no parent")?;
    fs::create_dir_all(parent)?;
    let partial = tempfile::Builder::new().prefix(".base-").tempdir_in(parent)?;
    let layout_directory = partial.path().join("layout");
    let mut layout = Layout::create(&layout_directory)?;
    for name in ["build", "run"] {
        let description = read_description(name)?;
        output::step(&format!("making {} from Debian {}", description.image, description.suite));
        let tar = partial.path().join("layer.tar");
        mmdebstrap(&description, epoch, &tar)?;
        let annotations = BTreeMap::from([(INPUTS.to_owned(), inputs.to_string())]);
        let digest = layout.add(&image(description, epoch)?, &[(&device_directory(epoch)?, &tar)], &annotations)?;
        output::step(&format!("  {digest}"));
    }
    layout.finish()?;
    workspace::replace_directory(&layout_directory, &directory)?;
    output::step(&format!("wrote {}", directory.display()));
    Ok(())
}

fn epoch() -> Result<i64> {
    match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.parse().with_context(|| format!("SOURCE_DATE_EPOCH is no number of seconds: {text}")),
        Err(_) => Ok(DEFAULT_EPOCH),
    }
}

fn base_directory() -> PathBuf {
    workspace::root().join("samples/base")
}

fn read_description(name: &str) -> Result<Description> {
    let path = base_directory().join(name).with_extension("toml");
    toml::from_str(&fs::read_to_string(&path)?).with_context(|| format!("could not read {}", path.display()))
}

/// The digest of everything that the images are made from, but for the packages.
fn inputs(epoch: i64) -> Result<Digest> {
    let mut bytes = epoch.to_string().into_bytes();
    for name in ["build.toml", "run.toml", "finish.sh"] {
        bytes.extend(fs::read(base_directory().join(name))?);
    }
    Ok(Digest::of(&bytes))
}

fn is_current(directory: &Path, inputs: &Digest) -> bool {
    // An index that is absent or broken is a reason to make the images, not an error.
    fs::read_to_string(directory.join("index.json")).is_ok_and(|index| index.contains(&inputs.to_string()))
}

fn image(description: Description, epoch: i64) -> Result<Image> {
    let mut env = vec![PATH.to_owned()];
    env.extend(description.env.iter().map(|(name, value)| format!("{name}={value}")));
    let created = jiff::Timestamp::from_second(epoch).context("SOURCE_DATE_EPOCH is out of range")?.to_string();
    Ok(Image {
        name: description.image,
        architecture: command::read(Command::new("dpkg").arg("--print-architecture"))?.trim().to_owned(),
        created,
        created_by: "cargo xtask base-images".to_owned(),
        command: vec!["/bin/bash".to_owned()],
        user: format!("{}:{}", description.user.uid, description.user.gid),
        working_directory: format!("/home/{}", description.user.name),
        env,
        labels: description.labels,
    })
}

/// Makes the root file system of `description` as the file `tar`.
fn mmdebstrap(description: &Description, epoch: i64, tar: &Path) -> Result<()> {
    let finish = fs::read_to_string(base_directory().join("finish.sh"))?;
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .env("SUITE", &description.suite)
        .env("USER_NAME", &description.user.name)
        .env("USER_UID", description.user.uid.to_string())
        .env("USER_GID", description.user.gid.to_string())
        .args([mode()?, "--quiet", "--format=tar", "--variant=apt"])
        .arg(format!("--include={}", description.packages.join(",")))
        .args([r#"--aptopt=APT::Install-Recommends "false""#, "--dpkgopt=path-exclude=/usr/share/man/*"])
        .args(["--dpkgopt=path-exclude=/usr/share/locale/*", "--dpkgopt=path-exclude=/usr/share/doc/*"])
        .arg("--dpkgopt=path-include=/usr/share/doc/*/copyright")
        // A sandbox has its own devices, and an ordinary user could not unpack these. The directory is added later.
        .arg("--skip=output/dev")
        // As text in a variable, not as a file: in a user namespace this home need not be readable.
        .env("FINISH", finish)
        .arg(r#"--customize-hook=eval "$FINISH""#)
        .arg(&description.suite)
        .arg(tar)
        .args(Mirrors::of_this_machine()?.sources(&description.suite));
    command::run(&mut mmdebstrap)
}

/// The tar entry of an empty `/dev`, a place to mount devices on.
fn device_directory(epoch: i64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_ustar();
    header.set_path("./dev/")?;
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(epoch.try_into().context("SOURCE_DATE_EPOCH is before 1970")?);
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

/// How mmdebstrap becomes root inside the new file system.
fn mode() -> Result<&'static str> {
    if !command::exists("mmdebstrap") {
        bail!("mmdebstrap is missing: apt-get install mmdebstrap");
    }
    let user = command::read(Command::new("id").arg("-un"))?.trim().to_owned();
    let user_id = command::read(Command::new("id").arg("-u"))?.trim().to_owned();
    if user_id == "0" {
        return Ok("--mode=root");
    }
    let has_sub_ids = |file: &str| {
        let owned = |line: &str| line.split_once(':').is_some_and(|(owner, _)| owner == user || owner == user_id);
        fs::read_to_string(file).is_ok_and(|text| text.lines().any(owned))
    };
    if command::exists("newuidmap") && has_sub_ids("/etc/subuid") && has_sub_ids("/etc/subgid") {
        return Ok("--mode=unshare");
    }
    bail!(
        "base images need sub-ids for {user} and newuidmap: as root, \
         `apt-get install uidmap && usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`"
    );
}
