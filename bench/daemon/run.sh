#!/usr/bin/env bash
# How long Docker and Baler take to have an image ready to start: from an archive or the local store, and from a
# registry on loopback. Needs root, docker.io, docker-registry, python3. Prints seconds; compare those of one run.
#
# usage: run.sh [BALER [DIRECTORY]]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
baler=${1:-$here/../../target/dist/baler}
work=$(mktemp --directory "${2:-/var/tmp}/baler-bench.XXXXXX")
registry=127.0.0.1:5055
export BALER_HOME=$work/home DOCKER_HOST=unix://$work/docker/socket

cleanup() {
    kill "${pids[@]}" 2> /dev/null || true
    wait "${pids[@]}" 2> /dev/null || true
    rm -rf "$work"
}
pids=()
trap cleanup EXIT

mkdir -p "$work/docker"
printf 'version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n' \
    "$work/registry" "$registry" > "$work/registry.yml"
docker-registry serve "$work/registry.yml" > /dev/null 2>&1 &
pids+=($!)
dockerd --host "$DOCKER_HOST" --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" \
    --bridge=none --iptables=false --ip6tables=false > "$work/docker/log" 2>&1 &
pids+=($!)

[[ -e ${LAYOUT:-} ]] || { LAYOUT=$work/layout && python3 "$here/image.py" "$LAYOUT"; }
"$baler" load "$LAYOUT" --name big > /dev/null
"$baler" save big --output "$work/big.tar"
"$baler" push big "$registry/big" > /dev/null 2>&1
until docker version > /dev/null 2>&1; do sleep 0.2; done

# Seconds that "$@" takes, with nothing of before in memory that it would have to write first.
seconds() {
    sync
    local start=${EPOCHREALTIME/./}
    "$@" > /dev/null 2>&1 || true
    local end=${EPOCHREALTIME/./}
    printf '%d.%02d' $(((end - start) / 1000000)) $(((end - start) / 10000 % 100))
}

# The program that is started is not there: what is measured is all that comes before.
printf '%-44s %s\n' "docker load" "$(seconds docker load --input "$work/big.tar")"
printf '%-44s %s\n' "baler: unpack from the local store" "$(seconds "$baler" run big)"
docker rmi --force big > /dev/null
printf '%-44s %s\n' "docker pull" "$(seconds docker pull "$registry/big")"
rm -rf "$BALER_HOME"
printf '%-44s %s\n' "baler: pull and unpack" "$(seconds "$baler" run "$registry/big")"
