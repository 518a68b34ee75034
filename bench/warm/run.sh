#!/usr/bin/env bash
# What Baler itself costs in a build in which nothing changed: a buildpack of two empty scripts, so that all of the
# time is ours. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`) and hyperfine.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
baler=$root/target/dist/baler
work=$(mktemp -d)
export BALER_HOME=$work/store
trap '"$baler" rm --all --quiet; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir -p app nothing/bin
echo hello > app/file
printf 'api = "0.12"\n[buildpack]\nid = "bench/nothing"\nversion = "1"\n' > nothing/buildpack.toml
printf '#!/bin/sh\nexit 0\n' | tee nothing/bin/detect > nothing/bin/build
chmod +x nothing/bin/detect nothing/bin/build
cat > builder.toml <<'TOML'
[build]
image = "localhost/baler/base-build:trixie"
[[run.images]]
image = "localhost/baler/run:trixie"
[[buildpacks]]
uri = "nothing"
[[order]]
[[order.group]]
id = "bench/nothing"
TOML

"$baler" load "$root/target/dist/base" > /dev/null
"$baler" builder create bench --config builder.toml --quiet
"$baler" build app --builder bench --path app --quiet

hyperfine --warmup 3 --runs "${1:-40}" \
    --command-name "baler build, nothing changed" "'$baler' build app --builder bench --path app --quiet" \
    --command-name "baler --version" "'$baler' --version" \
    --command-name "baler run, /bin/true" "'$baler' run localhost/baler/base-build:trixie --entrypoint /bin/true"
