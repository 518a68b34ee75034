#!/usr/bin/env bash
# What `exporter` costs for one gigabyte in 20,000 files, as a cached launch layer, with a cache directory on another file
# system and a registry on the same machine: new, and unchanged (the restorer's time beside it). Needs root, docker-registry,
# skopeo, python3, `cargo xtask build && cargo xtask base-images`, and a gigabyte for each run.
#
#     gigabyte.sh [LIFECYCLE [LAUNCHER [DIRECTORY_FOR_THE_CACHE]]]
set -euo pipefail
source "$(dirname "$0")/../../scripts/common.sh"
source "$(dirname "$0")/timed.sh"
lifecycle=${1:-$dist/lifecycle/lifecycle}
launcher=${2:-$dist/launcher-amd64}
work=$(mktemp -d /var/tmp/gigabyte.XXXXXX)
cache=$(mktemp -d "${3:-/dev/shm}/gigabyte.XXXXXX")
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work" "$cache"' EXIT
chmod 755 "$work"
times=${TIMES:-7}
[[ $(stat --format %d "$work") != $(stat --format %d "$cache") ]] || note "the cache is on the same file system"

mkdir -p "$work"/{app,layers,platform,buildpacks/big/1/bin}
printf 'x\n' > "$work/app/file"
printf 'api = "0.10"\n[buildpack]\nid = "big"\nversion = "1"\n[[targets]]\nos = "linux"\n' > "$work/buildpacks/big/1/buildpack.toml"
printf '#!/bin/sh\nexit 0\n' > "$work/buildpacks/big/1/bin/detect"
cat > "$work/buildpacks/big/1/bin/build" << 'BUILD'
#!/bin/sh
[ -d "$1/files" ] || python3 - "$1/files" << 'PYTHON'
import os, random, sys
# Two thirds text, one third noise.
random.seed(1)
words = [bytes(random.choices(b"etaoinshrdlucmfw", k=random.randint(2, 9))) for _ in range(4000)]
for number in range(20000):
    directory = os.path.join(sys.argv[1], str(number // 200))
    os.makedirs(directory, exist_ok=True)
    noise = random.randbytes(52429) if number % 3 == 2 else b" ".join(random.choices(words, k=8500))[:52429]
    with open(os.path.join(directory, str(number)), "wb") as file:
        file.write(noise)
PYTHON
printf '[types]\nlaunch = true\ncache = true\n' > "$1/files.toml"
BUILD
chmod 755 "$work"/buildpacks/big/1/bin/*
printf '[[order]]\n[[order.group]]\nid = "big"\nversion = "1"\n' > "$work/order.toml"
chown -R 65534:65534 "$work"/{app,layers} "$cache"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%s}\n' "$work" "$port" > "$work/registry.yml"
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
until curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/v2/" > /dev/null; do sleep 0.1; done
skopeo copy --quiet --dest-tls-verify=false "oci:$dist/base:localhost/baler/run:trixie" "docker://127.0.0.1:$port/run:1"

export CNB_PLATFORM_API=0.13 HOME=$work CNB_USER_ID=65534 CNB_GROUP_ID=65534 CNB_APP_DIR=$work/app CNB_LAYERS_DIR=$work/layers
export CNB_PLATFORM_DIR=$work/platform CNB_BUILDPACKS_DIR=$work/buildpacks CNB_CACHE_DIR=$cache CNB_ORDER_PATH=$work/order.toml
image=127.0.0.1:$port/app:1
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)

build() {
    # Not removed: ext4 takes its time over inodes that were free a moment ago.
    [[ ! -e $work/layers/report.toml ]] || mv "$work/layers" "$(mktemp -d "$work/old.XXXXXX")"
    install -d -o 65534 -g 65534 "$work/layers"
    "$lifecycle" analyze -run-image "127.0.0.1:$port/run:1" "$image" > "$work/log"
    "${as_nobody[@]}" "$lifecycle" detect >> "$work/log"
    timed "$work/restore.$1" "$lifecycle" restore
    "${as_nobody[@]}" "$lifecycle" build >> "$work/log"
    timed "$work/export.$1" "$lifecycle" export -launcher "$launcher" "$image"
}

build new
for ((n = 0; n < times; n++)); do build unchanged; done
show "exporter, new" "$work/export.new"
show "exporter, unchanged" "$work/export.unchanged"
show "restorer, unchanged" "$work/restore.unchanged"
