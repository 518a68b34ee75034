#!/bin/sh
# Makes builders with a program and compares them with those of pack: check-builders.sh [PROGRAM [NAME...]]
# PROGRAM is ../target/dist/baler unless given. The last line is `N passed, N failed`.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/common.sh"
program=${1:-$here/../target/dist/baler}
[ $# -eq 0 ] || shift

require
command -v ip >/dev/null || skip "ip, of Debian's package iproute2"
[ -x "$program" ] || {
    echo "ERROR: there is no $program: cargo xtask build makes one" >&2
    exit 1
}
make_base
exec python3 "$here/builders.py" "$program" "$@" --check --base "$base"
