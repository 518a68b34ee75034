#!/usr/bin/env bash
# The phases in containers of Docker and Podman, from a builder that Baler made, as platforms run them: each phase in a
# container of its own with volumes between, as root that becomes the build user; and `creator` alone, unprivileged, as a
# job of a CI system. Into a registry and, with Docker, into the daemon. Each image is then started.
#
#     containers.sh [docker] [podman]      default: both
#
# Needs root, docker.io, podman, docker-registry, skopeo, and `cargo xtask build && cargo xtask base-images`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../scripts/common.sh"
baler=${BALER_PROGRAM:-$dist/baler}

skip() {
    printf 'SKIP: needs %s\n' "$1"
    exit 0
}
is_root || skip "root"
for program in dockerd docker podman docker-registry skopeo; do
    command -v "$program" > /dev/null || skip "$program"
done
[[ -x $baler && -f $dist/base/index.json ]] || skip "cargo xtask build, cargo xtask base-images"

work=$(mktemp -d "${TMPDIR:-/tmp}/baler-containers.XXXXXX")
started=()
finish() {
    local process
    for process in "${started[@]}"; do
        kill "$process" 2> /dev/null || true
        wait "$process" 2> /dev/null || true
    done
    # Podman mounts its store on itself, and Docker the namespace of a network.
    local mount
    while read -r _ mount _; do
        [[ $mount != "$work"/* ]] || umount "$mount" 2> /dev/null || true
    done < <(tac /proc/self/mounts)
    rm -rf "$work" 2> /dev/null || true
}
trap finish EXIT
export BALER_HOME=$work/home

# Waits until a command succeeds, for at most a minute.
await() {
    local deadline=$(($(now) + 60000))
    until "$@" > /dev/null 2>&1; do
        [[ $(now) -lt $deadline ]] || die "this did not come: $* ($(tail -n 3 "$work"/*.log))"
        sleep 0.1
    done
}

# A registry without TLS and a Docker daemon that make no networks: containers have the host's or none.
start_registry() {
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    registry=127.0.0.1:$port
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s/registry}}\nhttp: {addr: %s}\n' "$work" "$registry" > "$work/registry.yml"
    docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
    started+=($!)
    await curl --silent --fail --noproxy '*' "http://$registry/v2/"
}

start_docker() {
    mkdir -p "$work/docker"
    export DOCKER_HOST=unix://$work/docker/socket
    dockerd --host "$DOCKER_HOST" --data-root "$work/docker/data" --exec-root "$work/docker/exec" \
        --pidfile "$work/docker/pid" --bridge=none --iptables=false --ip6tables=false > "$work/docker.log" 2>&1 &
    started+=($!)
    await docker version
}

# The limits of this machine may be lower than those that Podman would set.
podman() {
    local limits=()
    [[ $1 != run ]] || limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
    command podman --root "$work/podman/root" --runroot "$work/podman/run" --storage-driver overlay \
        --runtime runc --cgroup-manager cgroupfs "$1" "${limits[@]}" "${@:2}"
}

# A builder with one buildpack, whose layer is cached and launched, and an application.
make_builder() {
    mkdir -p "$work/buildpack/bin" "$work/app"
    printf '#!/bin/sh\nexit 0\n' > "$work/buildpack/bin/detect"
    cat > "$work/buildpack/bin/build" << 'BUILD'
#!/bin/sh
set -e
[ "$(id -u)" = 1000 ] && [ -z "$CNB_REGISTRY_AUTH" ] && [ ! -e /var/run/docker.sock ]
if [ -e "$1/tool/word" ]; then echo "the layer is back"; else mkdir -p "$1/tool/env"; echo layer > "$1/tool/word"; printf word > "$1/tool/env/FROM_LAYER"; fi
printf '[types]\nlaunch = true\ncache = true\n' > "$1/tool.toml"
printf '[[processes]]\ntype = "web"\ncommand = ["/bin/sh", "-c", "echo $FROM_LAYER $(cat /layers/test_containers/tool/word) $(cat said) $(id -u)"]\ndefault = true\n' > "$1/launch.toml"
BUILD
    chmod +x "$work"/buildpack/bin/*
    printf 'api = "0.10"\n[buildpack]\nid = "test/containers"\nversion = "1"\n[[targets]]\nos = "linux"\n' > "$work/buildpack/buildpack.toml"
    printf 'from the app\n' > "$work/app/said"
    cat > "$work/builder.toml" << BUILDER
[[buildpacks]]
uri = "buildpack"
[[order]]
[[order.group]]
id = "test/containers"
version = "1"
[build]
image = "localhost/baler/base-build:trixie"
[[run.images]]
image = "$registry/run:trixie"
BUILDER
    "$baler" load "$dist/base" > "$work/load.log"
    "$baler" builder create builder --config "$work/builder.toml" > "$work/builder.log"
    "$baler" save builder --output "$work/builder.tar"
    "$baler" save localhost/baler/run:trixie --output "$work/run.tar"
    skopeo copy --quiet --dest-tls-verify=false "docker-archive:$work/run.tar" "docker://$registry/run:trixie"
}

# The volumes of a build: empty layers, the application; caches stay.
fresh_volumes() {
    rm -rf "$work/layers" "$work/workspace"
    mkdir -p "$work/layers" "$work/cache" "$work/launch-cache" "$work/workspace"
    cp "$work/app/said" "$work/workspace"
    # As after an upload by root; the phases give away what they need to. Detect and build may write to these at once.
    chown -R 1000:1000 "$work/workspace"
    chown 1000:1000 "$work/layers"
}

# phase ENGINE USER PHASE ARGUMENT...: a phase in a container of its own.
phase() {
    local engine=$1 user=$2 phase=$3
    shift 3
    "$engine" run --rm --network host --user "$user" --security-opt no-new-privileges --entrypoint "" \
        --env CNB_PLATFORM_API=0.13 --env CNB_USER_ID=1000 --env CNB_GROUP_ID=1000 "${access[@]}" \
        --volume "$work/layers:/layers" --volume "$work/workspace:/workspace" --volume "$work/cache:/cache" \
        --volume "$work/launch-cache:/launch-cache" "$builder" "/cnb/lifecycle/$phase" "$@"
}

# The same without credentials and without a daemon.
alone() {
    local access=()
    phase "$@"
}

# all_phases ENGINE IMAGE FLAG...: as pack runs them.
all_phases() {
    local engine=$1 image=$2
    shift 2
    local access=("${credentials[@]}") insecure=(-insecure-registry "$registry") launch_cache=()
    [[ " $* " != *" -daemon "* ]] || launch_cache=(-launch-cache /launch-cache)
    phase "$engine" 0 analyzer "$@" "${insecure[@]}" -run /cnb/run.toml "${launch_cache[@]}" -tag "$image-two" "$image" &&
        alone "$engine" 1000:1000 detector -app /workspace &&
        phase "$engine" 0 restorer "$@" "${insecure[@]}" -cache-dir /cache &&
        alone "$engine" 1000:1000 builder -app /workspace &&
        phase "$engine" 0 exporter "$@" "${insecure[@]}" "${launch_cache[@]}" -app /workspace -cache-dir /cache "$image" "$image-two"
}

# expect TEXT COMMAND...: what the command says ends with the text.
expect() {
    local text=$1 said
    shift
    said=$("$@" 2>&1) || die "$* failed: $said"
    [[ $said == *"$text"* ]] || die "$* said not '$text' but: $said"
}

# twice ENGINE IMAGE FLAG...: a build, and one with its caches.
twice() {
    fresh_volumes
    expect "*** Images" all_phases "$@"
    fresh_volumes
    expect "the layer is back" all_phases "$@"
    rm -rf "$work/cache" "$work/launch-cache"
}

with_engine() {
    local engine=$1 image=$registry/app-$1
    local credentials=(--env 'CNB_REGISTRY_AUTH={}')
    note "$engine: each phase in a container of its own, into a registry"
    twice "$engine" "$image"
    "$engine" pull --quiet ${2:+"$2"} "$image-two" > /dev/null
    expect "word layer from the app" "$engine" run --rm --network none "$image-two"

    note "$engine: creator alone, as an ordinary user without capabilities"
    fresh_volumes
    chown 1000:1000 "$work/cache"
    local access=(--cap-drop all "${credentials[@]}")
    expect "*** Images" phase "$engine" 1000:1000 creator -insecure-registry "$registry" -cache-dir /cache "$image:job"
    "$engine" pull --quiet ${2:+"$2"} "$image:job" > /dev/null
    expect "word layer from the app" "$engine" run --rm --network none "$image:job"
    rm -rf "$work/cache"

    note "$engine: creator as root, which becomes the build user"
    fresh_volumes
    chown -R 0:0 "$work/layers"
    access=("${credentials[@]}")
    expect "*** Images" phase "$engine" 0 creator -insecure-registry "$registry" -cache-dir /cache -uid 1000 -gid 1000 "$image:root"
    [[ $(stat --format %u "$work/layers" "$work/cache/committed" | sort -u) == 1000 ]] || die "directories are not the build user's"
    # Who runs the phases, and where, does not change the image.
    local digests
    digests=$(for name in "$image:latest" "$image:job" "$image:root"; do skopeo inspect --tls-verify=false --format '{{.Digest}}' "docker://$name"; done | sort -u)
    [[ $(wc -l <<< "$digests") -eq 1 ]] || die "the images differ: $digests"
    rm -rf "$work/cache"
}

with_daemon() {
    note "docker: each phase in a container of its own, into the daemon"
    docker load --quiet --input "$work/run.tar" > /dev/null
    docker tag localhost/baler/run:trixie "$registry/run:trixie"
    local credentials=(--volume "$work/docker/socket:/var/run/docker.sock" --security-opt label=disable)
    twice docker local/app -daemon
    expect "word layer from the app" docker run --rm --network none local/app-two
}

start_registry
make_builder
builder=localhost/builder:latest
for engine in "${@:-docker podman}"; do
    for engine in $engine; do
        case $engine in
            docker)
                start_docker
                expect "Loaded image" docker load --input "$work/builder.tar"
                builder=$(docker images --format '{{.Repository}}:{{.Tag}}' | grep builder)
                with_engine docker
                with_daemon
                ;;
            podman)
                expect "Loaded image" podman load --input "$work/builder.tar"
                builder=$(podman images --format '{{.Repository}}:{{.Tag}}' | grep builder)
                with_engine podman --tls-verify=false
                ;;
            *) die "no such engine: $engine" ;;
        esac
    done
done
note "the phases work in containers"
