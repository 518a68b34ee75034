#!/usr/bin/env bash
# What Baler itself costs in a build in which nothing changed: a buildpack of two empty scripts, so that all of the
# time is ours. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`) and hyperfine.
#
# usage: run.sh [RUNS]
source "$(dirname "$0")/../scene.sh"

small_application app
buildpack nothing
builder bench nothing
"$baler" build app --builder bench --path app --quiet > /dev/null

hyperfine --warmup 3 --runs "${1:-40}" \
    --command-name "baler build, nothing changed" "'$baler' build app --builder bench --path app --quiet" \
    --command-name "baler --version" "'$baler' --version" \
    --command-name "baler run, /bin/true" "'$baler' run localhost/baler/base-build:trixie --entrypoint /bin/true"
