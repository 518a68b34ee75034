#!/usr/bin/env bash
# What the store costs: what a thousand builds leave, and to be opened with a hundred images in it. Needs target/dist
# (`cargo xtask build`, `cargo xtask base-images`); OPEN_TIME is target/release/examples/open_time of baler-store.
#
# usage: run.sh [BUILDS [BALER [BASE-IMAGES [OPEN_TIME]]]]
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
builds=${1:-1000}
baler=${2:-$root/target/dist/baler}
base=${3:-$root/target/dist/base}
work=$(mktemp -d /var/tmp/baler-bench.XXXXXX)
export BALER_HOME=$work/store
trap '"$baler" rm --all --quiet > /dev/null; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir -p app kept/bin
printf 'api = "0.12"\n[buildpack]\nid = "bench/kept"\nversion = "1"\n' > kept/buildpack.toml
printf '#!/bin/sh\nexit 0\n' > kept/bin/detect
# One layer that stays, and one that is another one in each build.
cat > kept/bin/build <<'BUILD'
#!/bin/sh
mkdir -p "$1/kept" "$1/made"
[ -e "$1/kept/numbers" ] || seq 1 50000 > "$1/kept/numbers"
cat file > "$1/made/copy"
printf '[types]\nlaunch = true\ncache = true\n' > "$1/kept.toml"
printf '[types]\nlaunch = true\n' > "$1/made.toml"
BUILD
chmod +x kept/bin/detect kept/bin/build
cat > builder.toml <<'TOML'
[build]
image = "localhost/baler/base-build:trixie"
[[run.images]]
image = "localhost/baler/run:trixie"
[[buildpacks]]
uri = "kept"
[[order]]
[[order.group]]
id = "bench/kept"
TOML

build() {
    # Of one length, so that sizes can be compared.
    printf '%0.s'"$(printf '%08d' "$2")" $(seq 2000) > app/file
    "$baler" build "$1" --builder bench --path app --quiet > /dev/null
}
left() {
    echo "after $1 builds: $(find "$BALER_HOME" -type f | wc -l) files, $(du --apparent-size -sk "$BALER_HOME" | cut -f1) KiB"
}

"$baler" load "$base" > /dev/null
"$baler" builder create bench --config builder.toml --quiet > /dev/null

for number in $(seq 10); do build app "$number"; done
left 10
for number in $(seq 11 "$builds"); do build app "$number"; done
left "$builds"

for number in $(seq 100); do build "app-$number" "$number"; done
[[ -z ${4:-} ]] || "$4" "$BALER_HOME"
