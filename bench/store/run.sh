#!/usr/bin/env bash
# What the store costs: what a thousand builds leave, and to be opened with a hundred images in it. Needs target/dist
# (`cargo xtask build`, `cargo xtask base-images`); OPEN_TIME is target/release/examples/open_time of baler-store.
#
# usage: run.sh [BUILDS]
source "$(dirname "$0")/../scene.sh"
builds=${1:-1000}

mkdir app
# One layer that stays, and one that is another one in each build.
buildpack kept '
mkdir -p "$1/kept" "$1/made"
[ -e "$1/kept/numbers" ] || seq 1 50000 > "$1/kept/numbers"
cat file > "$1/made/copy"
printf "[types]\nlaunch = true\ncache = true\n" > "$1/kept.toml"
printf "[types]\nlaunch = true\n" > "$1/made.toml"'
builder bench kept

build() {
    # Of one length, so that sizes can be compared.
    printf '%0.s'"$(printf '%08d' "$2")" $(seq 2000) > app/file
    "$baler" build "$1" --builder bench --path app --quiet > /dev/null
}
left() {
    echo "after $1 builds: $(find "$BALER_HOME" -type f | wc -l) files, $(du --apparent-size -sk "$BALER_HOME" | cut -f1) KiB"
}

for number in $(seq 10); do build app "$number"; done
left 10
for number in $(seq 11 "$builds"); do build app "$number"; done
left "$builds"

for number in $(seq 100); do build "app-$number" "$number"; done
[[ -z ${OPEN_TIME:-} ]] || "$OPEN_TIME" "$BALER_HOME"
