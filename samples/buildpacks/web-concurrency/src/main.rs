//! A buildpack that adds one exec.d program to the image of a Node.js or Python application.

use libcnb::build::{BuildContext, BuildResult, BuildResultBuilder};
use libcnb::data::build_plan::BuildPlanBuilder;
use libcnb::data::layer_name;
use libcnb::detect::{DetectContext, DetectResult, DetectResultBuilder};
use libcnb::generic::{GenericError, GenericMetadata, GenericPlatform};
use libcnb::layer::UncachedLayerDefinition;
use libcnb::{Buildpack, additional_buildpack_binary_path, buildpack_main};

struct WebConcurrencyBuildpack;

impl Buildpack for WebConcurrencyBuildpack {
    type Platform = GenericPlatform;
    type Metadata = GenericMetadata;
    type Error = GenericError;

    /// Always passes, but takes part only where another buildpack provides Node.js or Python.
    fn detect(&self, _context: DetectContext<Self>) -> libcnb::Result<DetectResult, Self::Error> {
        let plan = BuildPlanBuilder::new().requires("node").or().requires("python").build();
        DetectResultBuilder::pass().build_plan(plan).build()
    }

    fn build(&self, context: BuildContext<Self>) -> libcnb::Result<BuildResult, Self::Error> {
        println!("Adding the exec.d program web-concurrency");
        let layer = context
            .uncached_layer(layer_name!("web-concurrency"), UncachedLayerDefinition { build: false, launch: true })?;
        layer.write_exec_d_programs([("web-concurrency", additional_buildpack_binary_path!("exec-d"))])?;
        BuildResultBuilder::new().build()
    }
}

buildpack_main!(WebConcurrencyBuildpack);
