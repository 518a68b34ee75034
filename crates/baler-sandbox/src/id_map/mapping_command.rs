//! The command line of `newuidmap(1)` and `newgidmap(1)`.

use std::ffi::OsString;
use std::path::Path;

use super::Extent;

/// A call of `newuidmap` or `newgidmap`: `PROGRAM PID INSIDE HOST LENGTH …`.
pub(crate) struct MappingCommand<'a> {
    pub(crate) program: &'a Path,
    pub(crate) process: u32,
    pub(crate) extents: &'a [Extent],
}

impl MappingCommand<'_> {
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let extents = self.extents.iter().flat_map(|extent| [extent.inside, extent.host, extent.length]);
        std::iter::once(self.process).chain(extents).map(|number| number.to_string().into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_the_process_and_the_extents() {
        let extents =
            [Extent { inside: 0, host: 100_000, length: 1000 }, Extent { inside: 1000, host: 1000, length: 1 }];
        let command = MappingCommand { program: Path::new("/usr/bin/newuidmap"), process: 42, extents: &extents };
        assert_eq!(command.arguments(), ["42", "0", "100000", "1000", "1000", "1000", "1"]);
    }
}
