#!/bin/sh
# Replays the scenarios with a lifecycle and compares: check.sh [LIFECYCLE_DIR [NAME...]]
# LIFECYCLE_DIR is ../target/dist/lifecycle unless given. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
lifecycle=${1:-$here/../target/dist/lifecycle}
[ $# -eq 0 ] || shift

require
[ -x "$lifecycle/lifecycle" ] || {
    echo "ERROR: no lifecycle in $lifecycle: cargo xtask build makes one" >&2
    exit 1
}

make_base
exec python3 "$here/record.py" "$lifecycle" --check --base "$base" --allow "$here/expected-differences.txt" "$@"
