//! The bills of materials that are part of this program; the build script embeds them.

include!(concat!(env!("OUT_DIR"), "/sboms.rs"));

/// Files by the end of their names (`sbom.cdx.json`).
pub type SbomFiles = &'static [(&'static str, &'static [u8])];

/// Those of the lifecycle; none, if they were not there when this program was built.
pub const fn lifecycle() -> SbomFiles {
    LIFECYCLE
}

/// Those of the launcher.
pub const fn launcher() -> SbomFiles {
    LAUNCHER
}
