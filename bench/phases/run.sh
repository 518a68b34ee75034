#!/usr/bin/env bash
# What the phases cost beyond the buildpacks. Needs root, docker-registry, skopeo, python3, and
# `cargo xtask build && cargo xtask base-images`. Prints medians.
set -euo pipefail
source "$(dirname "$0")/../../scripts/common.sh"
source "$(dirname "$0")/timed.sh"
lifecycle=${1:-$dist/lifecycle/lifecycle}
launcher=${2:-$dist/launcher-amd64}
work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null || true; rm -rf "$work"' EXIT
chmod 755 "$work"
export CNB_PLATFORM_API=0.13 HOME=$work
times=${TIMES:-15}

# measure WHAT COMMAND...: $times runs
measure() {
    for ((run = 0; run < times; run++)); do timed "$work/times" "${@:2}"; done
    show "$1" "$work/times"
    rm "$work/times"
}

# buildpack NAME
buildpack() {
    local directory=$work/buildpacks/$1/1
    mkdir -p "$directory/bin"
    printf 'api = "0.10"\n[buildpack]\nid = "%s"\nversion = "1"\n[[targets]]\nos = "linux"\n' "$1" > "$directory/buildpack.toml"
    printf '#!/bin/sh\nexit 0\n' | tee "$directory/bin/detect" > "$directory/bin/build"
    chmod 755 "$directory"/bin/*
}

mkdir -p "$work"/{app,layers,platform,cache}
printf 'x\n' > "$work/app/file"
order=''
for ((n = 0; n < 50; n++)); do
    buildpack "p$n"
    order+=$'[[order.group]]\nid = "p'$n$'"\nversion = "1"\n'
done
printf '[[order]]\n%s' "$order" > "$work/order50.toml"
printf '[[order]]\n[[order.group]]\nid = "p0"\nversion = "1"\n' > "$work/order1.toml"
cat > "$work/shell.sh" << SHELL
for script in $work/buildpacks/*/1/bin/detect; do \$script $work/platform /dev/null; done
SHELL
chown -R 65534:65534 "$work"/{app,layers,cache}
as_nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
directories=(-buildpacks "$work/buildpacks" -app "$work/app" -layers "$work/layers" -platform "$work/platform")

measure "lifecycle -version" "$lifecycle" -version
measure "launcher ($(stat --format %s "$launcher") bytes)" sh -c 'CNB_LAYERS_DIR=/nowhere "$0" || true' "$launcher" 2> /dev/null
measure "the same without launcher" sh -c 'true; true'
measure "50 scripts from a shell" "${as_nobody[@]}" sh "$work/shell.sh"
TMPDIR=/tmp measure "detect of 50 buildpacks" "${as_nobody[@]}" "$lifecycle" detect "${directories[@]}" -order "$work/order50.toml"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nlog: {accesslog: {disabled: false}}\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: 127.0.0.1:%s}\n' "$work" "$port" > "$work/registry.yml"
docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
until curl --silent --fail --noproxy '*' "http://127.0.0.1:$port/v2/" > /dev/null; do sleep 0.1; done
skopeo copy --quiet --dest-tls-verify=false "oci:$dist/base:localhost/baler/run:trixie" "docker://127.0.0.1:$port/run:1"
create=("$lifecycle" create "${directories[@]}" -order "$work/order1.toml" -launcher "$launcher" -cache-dir "$work/cache"
    -uid 65534 -gid 65534 -insecure-registry "127.0.0.1:$port" -run-image "127.0.0.1:$port/run:1" "127.0.0.1:$port/app:1")
"${create[@]}" > "$work/first.log"
sleep 1
before=$(grep -c '"[A-Z]* /v2/' "$work/registry.log")
"${create[@]}" > "$work/second.log"
sleep 1
note "requests of creator, nothing changed: $(($(grep -c '"[A-Z]* /v2/' "$work/registry.log") - before))"
measure "creator, nothing changed" "${create[@]}"
measure "its two scripts" sh -c '"$0"/bin/detect; "$0"/bin/build' "$work/buildpacks/p0/1"
