#!/bin/sh
# Replays the scenarios with a lifecycle and compares: check.sh [LIFECYCLE_DIR [NAME...]]
# LIFECYCLE_DIR is ../target/dist/lifecycle unless given. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
lifecycle=${1:-$here/../target/dist/lifecycle}
[ $# -eq 0 ] || shift

skip() {
    echo "SKIP: needs $1"
    echo "0 passed, 0 failed"
    exit 0
}

[ "$(id -u)" = 0 ] || skip "root, for namespaces, mounts and files of other users"
command -v docker-registry >/dev/null || skip "docker-registry"
command -v dpkg-deb >/dev/null || skip "dpkg-deb and apt-get, which the base images are made with"
python3 -c 'import tomllib' 2>/dev/null || skip "python3 >= 3.11"
[ -x "$lifecycle/lifecycle" ] || {
    echo "ERROR: no lifecycle in $lifecycle: cargo xtask build makes one" >&2
    exit 1
}

# The base images are the same in every run as long as base/ is.
base=$target/conformance/$(cat "$here/base/make.py" | sha256sum | cut -c1-16)
if [ ! -d "$base" ]; then
    mkdir -p "$target/conformance"
    rm -rf "$base.new"
    python3 "$here/base/make.py" "$base.new"
    mv "$base.new" "$base"
fi
exec python3 "$here/record.py" "$lifecycle" --check --base "$base" --allow "$here/expected-differences.txt" "$@"
