#!/usr/bin/env bash
# How long Docker and Baler take to have an image ready to start: from an archive or the local store, and from a
# registry on loopback. Needs root, docker.io, docker-registry, python3. Prints seconds; compare those of one run.
#
# With LAYER_PROGRAM (cargo build --release -p baler-layer --example layer) also an image whose layer Baler wrote.
#
# usage: run.sh [BALER [DIRECTORY [LAYER_PROGRAM]]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
baler=${1:-$here/../../target/dist/baler}
work=$(mktemp --directory "${2:-/var/tmp}/baler-bench.XXXXXX")
layer_program=${3:-}
registry=127.0.0.1:5055

cleanup() {
    kill "${pids[@]}" 2> /dev/null || true
    wait "${pids[@]}" 2> /dev/null || true
    rm -rf "$work"
}
pids=()
trap cleanup EXIT

# Each measurement has a store of its own, and nothing is deleted before the end: for some minutes ext4 passes over the
# inodes of what was, one by one, for every file that is made.
start_docker() {
    local root=$work/docker-$1
    mkdir -p "$root"
    export DOCKER_HOST=unix://$root/socket
    dockerd --host "$DOCKER_HOST" --data-root "$root/data" --exec-root "$root/exec" --pidfile "$root/pid" \
        --bridge=none --iptables=false --ip6tables=false > "$root/log" 2>&1 &
    pids+=($!)
    until docker version > /dev/null 2>&1; do sleep 0.2; done
}

# Seconds that "$@" takes, with nothing of before in memory that it would have to write first.
seconds() {
    sync
    local start=${EPOCHREALTIME/./}
    "$@" > /dev/null 2>&1 || true
    local end=${EPOCHREALTIME/./}
    printf '%d.%02d' $(((end - start) / 1000000)) $(((end - start) / 10000 % 100))
}

# from_archive NAME LAYOUT
from_archive() {
    export BALER_HOME=$work/home-$1
    "$baler" load "$2" --name big > /dev/null
    "$baler" save big --output "$work/$1.tar"
    start_docker "$1"
    printf '%-56s %s\n' "$1: docker load" "$(seconds docker load --input "$work/$1.tar")"
    # The program that is started is not there: what is measured is all that comes before.
    printf '%-56s %s\n' "$1: baler, unpack from the local store" "$(seconds "$baler" run big)"
}

[[ -e ${LAYOUT:-} ]] || { LAYOUT=$work/layout && python3 "$here/image.py" "$LAYOUT"; }
from_archive "one member" "$LAYOUT"
if [[ -n $layer_program ]]; then
    blob=$(find "$LAYOUT/blobs" -size +1M | head -1)
    "$layer_program" apply "$blob" "$work/tree" > /dev/null
    "$layer_program" export "$work/tree" "$work/layer" > /dev/null
    python3 "$here/image.py" "$work/own" "$work/layer"
    from_archive "many members" "$work/own"
fi

printf 'version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n' \
    "$work/registry" "$registry" > "$work/registry.yml"
docker-registry serve "$work/registry.yml" > /dev/null 2>&1 &
pids+=($!)
export BALER_HOME="$work/home-one member"
"$baler" push big "$registry/big" > /dev/null 2>&1
start_docker pull
printf '%-56s %s\n' "docker pull" "$(seconds docker pull "$registry/big")"
export BALER_HOME=$work/home-pull
printf '%-56s %s\n' "baler: pull and unpack" "$(seconds "$baler" run "$registry/big")"
