//! `baler save`.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use baler_image::{Platform, Wanted};
use baler_platform::images;
use baler_platform::places::{Asked, Needed, Search, locate};
use baler_store::NewFile;

use crate::arguments::SaveArguments;
use crate::host::Host;
use crate::output::Console;

pub(crate) fn run(arguments: &SaveArguments, console: &Console) -> anyhow::Result<ExitCode> {
    let host = Host::open()?;
    let context = host.context(console, None)?;
    let (name, wanted) = (arguments.image.parse()?, Wanted::Preferably(Platform::host()));
    let (search, needed) = (Search::STORE, Needed::Documents);
    let located = locate(&context, &Asked { role: "image", name: &name, wanted: &wanted, search, needed })?;
    let kind = arguments.format.kind();
    if let Some(path) = &arguments.output {
        let failed = || format!("could not write {}", path.display());
        let mut file = NewFile::begin(path).with_context(failed)?;
        images::save(&context, &located, kind, &mut file)?;
        file.commit().with_context(failed)?;
        return Ok(ExitCode::SUCCESS);
    }
    if io::stdout().is_terminal() {
        bail!("an archive is nothing to read: redirect the output, or name a file with --output");
    }
    let mut output = BufWriter::new(ConsoleWriter(console));
    images::save(&context, &located, kind, &mut output)?;
    output.flush()?;
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
