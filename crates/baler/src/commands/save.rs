//! `baler save`.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use baler_image::{Platform, Wanted};
use baler_platform::images;
use baler_platform::places::{Asked, Needed, Search, locate};

use crate::arguments::SaveArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &SaveArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let context = host.context(console, None)?;
    let (name, wanted) = (arguments.image.parse()?, Wanted::Preferably(Platform::host()));
    let (search, needed) = (Search::STORE, Needed::Documents);
    let located = locate(&context, &Asked { role: "image", name: &name, wanted: &wanted, search, needed })?;
    let source = located.source(host.store());
    let kind = arguments.format.kind();
    if let Some(path) = &arguments.output {
        return save_to_file(path, |output| Ok(images::save(&located.image, kind, source, output)?));
    }
    if io::stdout().is_terminal() {
        bail!("an archive is nothing to read: redirect the output, or name a file with --output");
    }
    let mut output = BufWriter::new(ConsoleWriter(console));
    images::save(&located.image, kind, source, &mut output)?;
    Ok(ExitCode::SUCCESS)
}

/// Under a temporary name first, so that a file of the right name is whole.
fn save_to_file(path: &Path, save: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>) -> anyhow::Result<ExitCode> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = || format!("could not write {}", path.display());
    let mut file = tempfile::NamedTempFile::new_in(directory).with_context(failed)?;
    save(&mut BufWriter::new(&mut file))?;
    file.persist(path).with_context(failed)?;
    Ok(ExitCode::SUCCESS)
}

struct ConsoleWriter<'a>(&'a Console);

impl Write for ConsoleWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.raw(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
