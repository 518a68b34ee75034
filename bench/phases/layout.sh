#!/usr/bin/env bash
# `exporter` into an OCI layout on disk, without a cache, beside Go's gzip of the same files in the same run: new, and with one byte
# changed, where the previous image might have the layer and it is hashed first. Needs skopeo, python3, Go, `cargo xtask base-images`.
#
#     layout.sh FILES [LIFECYCLE [LAUNCHER]]      FILES: made by `export-go generate` (../export)
set -euo pipefail
source "$(dirname "$0")/../../scripts/common.sh"
source "$(dirname "$0")/timed.sh"
files=$1
lifecycle=${2:-$dist/lifecycle/lifecycle}
launcher=${3:-$dist/launcher-amd64}
work=$(mktemp -d /var/tmp/layout.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work"/{app,layers/config,layers/big,layouts/registry.example/run}
(cd "$root/bench/export" && go build -o "$work/export-go" .)
printf 'x\n' > "$work/app/file"
printf '[[buildpacks]]\nid = "big"\nversion = "1"\napi = "0.10"\n' > "$work/layers/config/metadata.toml"
printf '[[group]]\nid = "big"\nversion = "1"\napi = "0.10"\n' > "$work/layers/group.toml"
printf '[types]\nlaunch = true\n' > "$work/layers/big/files.toml"
cp -a "$files" "$work/layers/big/files"
skopeo copy --quiet "oci:$dist/base:localhost/baler/run:trixie" "oci:$work/layouts/registry.example/run/latest:latest"
chown -R 65534:65534 "$work"/{app,layers,layouts}
export CNB_PLATFORM_API=0.13 CNB_EXPERIMENTAL_MODE=quiet HOME=$work CNB_USER_ID=65534 CNB_GROUP_ID=65534 CNB_APP_DIR=$work/app
export CNB_LAYERS_DIR=$work/layers CNB_USE_LAYOUT=true CNB_LAYOUT_DIR=$work/layouts
image=registry.example/app:1

# once WHAT COMMAND...
once() {
    rm -f "$work/once"
    timed "$work/once" "${@:2}"
    show "$1" "$work/once"
}

export_image() {
    "$lifecycle" analyze -run-image registry.example/run "$image" > "$work/log"
    once "$1" "$lifecycle" export -launcher "$launcher" "$image"
}

once "Go, gzip level 1" "$work/export-go" export "$work/layers/big/files" "$work/go.tgz"
export_image "exporter, new"
changed=$(find "$work/layers/big/files" -type f | sort | sed -n 10000p)
printf 'y' | dd of="$changed" conv=notrunc status=none
export_image "exporter, one byte changed"
export_image "exporter, nothing changed, no cache"
once "Go, gzip level 1" "$work/export-go" export "$work/layers/big/files" "$work/go.tgz"
