# What the measurements share that build applications: a directory of their own with a store in it, which goes at the end,
# buildpacks that do nothing, and builders of them. Sourced, not run. Needs target/dist (`cargo xtask build`,
# `cargo xtask base-images`); BALER names another program, BASE another layout with the base images, and TMPDIR says where the
# directory is made.
#
# A measurement that fails, or is ended, says so, with the command and its line; its figures are worth nothing then.

set -Eeuo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
baler=${BALER:-$root/target/dist/baler}
base=${BASE:-$root/target/dist/base}
measurement=$(basename "$(cd "$(dirname "$0")" && pwd)")
work=$(mktemp -d "${TMPDIR:-/var/tmp}/baler-bench.XXXXXX")
export BALER_HOME=$work/store
pids=()

failed() { printf 'FAILED: bench/%s: line %s: exit code %s of %s\n' "$measurement" "$2" "$1" "${3%%$'\n'*}" >&2; }
ended() {
    trap - ERR
    printf 'FAILED: bench/%s: ended by SIG%s before it was through\n' "$measurement" "$1" >&2
    exit $((128 + $2))
}
leave() {
    local status=$?
    trap - ERR
    set +e
    for pid in "${pids[@]}"; do kill "$pid" && wait "$pid"; done 2> /dev/null
    cd /
    "$baler" rm --all --quiet > /dev/null 2>&1
    chmod -R u+w "$work"
    # Where it was ended, a program may still be about to end, too.
    rm -rf "$work" 2> /dev/null || { sleep 2 && rm -rf "$work"; }
    exit "$status"
}
trap 'failed "$?" "$LINENO" "$BASH_COMMAND"' ERR
trap 'ended INT 2' INT
trap 'ended TERM 15' TERM
trap leave EXIT

# buildpack NAME [BUILD-SCRIPT]: a directory, id bench/NAME; without a script it does nothing.
buildpack() {
    mkdir -p "$1/bin"
    printf 'api = "0.12"\n[buildpack]\nid = "bench/%s"\nversion = "1"\n' "$1" > "$1/buildpack.toml"
    printf '#!/bin/sh\nexit 0\n' > "$1/bin/detect"
    printf '#!/bin/sh\nset -e\n%s\n' "${2:-}" > "$1/bin/build"
    chmod +x "$1/bin/detect" "$1/bin/build"
}

# An order of one group: in_order NAME...
in_order() {
    printf '[[order]]\n'
    printf '[[order.group]]\nid = "bench/%s"\nversion = "1"\n' "$@"
}

# builder NAME ORDERED [MORE...]: a builder in the store, of the buildpacks in the words of ORDERED, which are its order, and MORE.
builder() {
    local name=$1 ordered=($2)
    shift 2
    {
        printf '[build]\nimage = "localhost/baler/base-build:trixie"\n[[run.images]]\nimage = "localhost/baler/run:trixie"\n'
        printf '[[buildpacks]]\nuri = "%s"\n' "${ordered[@]}" "$@"
        in_order "${ordered[@]}"
    } > "$name.toml"
    "$baler" builder create "$name" --config "$name.toml" --quiet > /dev/null
}

# small_application NAME
small_application() {
    mkdir -p "$1"
    echo hello > "$1/file"
}

[[ -x $baler ]] || { echo "FAILED: there is no program $baler: cargo xtask build" >&2; exit 1; }
cd "$work"
"$baler" load "$base" > /dev/null
