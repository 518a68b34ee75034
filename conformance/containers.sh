#!/usr/bin/env bash
# The phases in containers of Docker and Podman, from a builder that Baler made, as platforms run them: each phase in a
# container of its own with volumes between, as root that becomes the build user, with each Platform API from 0.12 to
# 0.15; the phases that run no buildpack from the image of the lifecycle; an extension that switches the run image; and
# `creator` alone, unprivileged, as a job of a CI system. Into a registry and, with Docker, into the daemon. Each build
# is made twice, the second time with its caches, and each image is then started.
#
#     containers.sh [docker] [podman]      default: both
#
# Needs root, docker.io, podman, docker-registry, skopeo, umoci, and `cargo xtask build --all && cargo xtask base-images`.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/../scripts/common.sh"
baler=${BALER_PROGRAM:-$dist/baler}

skip() {
    printf 'SKIP: needs %s\n' "$1"
    exit 0
}
is_root || skip "root"
for program in dockerd docker podman docker-registry skopeo umoci; do
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

# A builder with one buildpack, whose layer is cached and launched, and an application; the same builder with an extension
# that switches the run image; the run images; and the image of the lifecycle.
make_builders() {
    mkdir -p "$work/buildpack/bin" "$work/app"
    printf '#!/bin/sh\nexit 0\n' > "$work/buildpack/bin/detect"
    cat > "$work/buildpack/bin/build" << 'BUILD'
#!/bin/sh
set -e
[ "$(id -u)" = 1000 ] && [ -z "$CNB_REGISTRY_AUTH" ] && [ ! -e /var/run/docker.sock ]
if [ -e "$1/tool/word" ]; then echo "the layer is back"; else mkdir -p "$1/tool/env"; echo layer > "$1/tool/word"; printf word > "$1/tool/env/FROM_LAYER"; fi
printf '[types]\nlaunch = true\ncache = true\n' > "$1/tool.toml"
printf '[[processes]]\ntype = "web"\ncommand = ["/bin/sh", "-c", "echo $FROM_LAYER $(cat /layers/test_containers/tool/word) $(cat said) $(id -u) ${SWITCHED:-}"]\ndefault = true\n' > "$1/launch.toml"
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
    mkdir -p "$work/extension/bin"
    printf '#!/bin/sh\nexit 0\n' > "$work/extension/bin/detect"
    printf '#!/bin/sh\necho "FROM %s/switched:trixie" > "$CNB_OUTPUT_DIR/run.Dockerfile"\n' "$registry" > "$work/extension/bin/generate"
    chmod +x "$work"/extension/bin/*
    printf 'api = "0.10"\n[extension]\nid = "test/switch"\nversion = "1"\n' > "$work/extension/extension.toml"
    # Its lifecycle comes out of the archive that is published, that of the third out of the published image.
    (cd "$root" && cargo xtask dist --output "$work/release") > "$work/dist.log" 2>&1
    local archive
    archive=$(ls "$work"/release/lifecycle-v*"+linux.$(architecture).tgz")
    skopeo copy --quiet --dest-tls-verify=false "oci:$work/release/lifecycle-image" "docker://$registry/lifecycle:test"
    cat "$work/builder.toml" - > "$work/imaged.toml" << BUILDER
[lifecycle]
uri = "docker://$registry/lifecycle:test"
BUILDER
    cat "$work/builder.toml" - > "$work/switching.toml" << BUILDER
[lifecycle]
uri = "$archive"
[[extensions]]
uri = "extension"
[[order-extensions]]
[[order-extensions.group]]
id = "test/switch"
version = "1"
BUILDER
    "$baler" load "$dist/base" > "$work/load.log"
    local name
    for name in builder switching imaged; do
        "$baler" builder create "$name" --config "$work/$name.toml" --insecure-registry "$registry" > "$work/$name.log"
        "$baler" save "$name" --output "$work/$name.tar"
    done
    "$baler" save localhost/baler/run:trixie --output "$work/run.tar"
    skopeo copy --quiet --dest-tls-verify=false "docker-archive:$work/run.tar" "docker://$registry/run:trixie"
    skopeo copy --quiet "docker-archive:$work/run.tar" "oci:$work/switched:trixie"
    umoci config --image "$work/switched:trixie" --config.env SWITCHED=switched
    skopeo copy --quiet --dest-tls-verify=false "oci:$work/switched:trixie" "docker://$registry/switched:trixie"
    skopeo copy --quiet "oci:$work/release/lifecycle-image" "docker-archive:$work/lifecycle.tar:localhost/lifecycle:test"
}

# This machine, as the names of archives call it.
architecture() {
    case $(uname -m) in
        aarch64) echo arm64 ;;
        *) echo x86-64 ;;
    esac
}

# load ENGINE ARCHIVE: gives an engine an image, and says what it is called there.
load() {
    local said
    said=$("$1" load --input "$work/$2.tar" 2> "$work/load.log") || die "$1 load: $(cat "$work/load.log")"
    [[ $said == *"Loaded image"* ]] || die "$1 load said: $said"
    sed -n 's/^Loaded image[s]*: *//p' <<< "$said" | head -n 1
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

# phase ENGINE USER PHASE ARGUMENT...: a phase in a container of its own, from the image `from`, else the builder.
phase() {
    local engine=$1 user=$2 phase=$3
    shift 3
    "$engine" run --rm --network host --user "$user" --security-opt no-new-privileges --entrypoint "" \
        --env CNB_PLATFORM_API="$api" --env CNB_EXPERIMENTAL_MODE=warn --env CNB_INSECURE_REGISTRIES="$registry" \
        --env CNB_USER_ID=1000 --env CNB_GROUP_ID=1000 "${access[@]}" \
        --volume "$work/layers:/layers" --volume "$work/workspace:/workspace" --volume "$work/cache:/cache" \
        --volume "$work/launch-cache:/launch-cache" "${from:-$builder}" "/cnb/lifecycle/$phase" "$@"
}

# The same without credentials and without a daemon, and always from the builder.
alone() {
    local access=() from=''
    phase "$@"
}

# all_phases ENGINE IMAGE FLAG...: as pack runs them.
all_phases() {
    local engine=$1 image=$2
    shift 2
    # Files of the builder that the image of the lifecycle has not: a platform copies them.
    local access=("${credentials[@]}" --volume "$work/run.toml:/cnb/run.toml:ro") insecure=() launch_cache=() build_image=() run=()
    # Before 0.13 there is the variable alone, which all versions read.
    [[ $api == 0.12 ]] || insecure=(-insecure-registry "$registry")
    [[ $api == 0.12 || $api == 0.13 ]] || run=(-run /cnb/run.toml)
    [[ " $* " != *" -daemon "* ]] || launch_cache=(-launch-cache /launch-cache)
    [[ $builder != *switching* ]] || build_image=(-build-image "$registry/run:trixie")
    phase "$engine" 0 analyzer "$@" "${insecure[@]}" -run /cnb/run.toml "${launch_cache[@]}" -tag "$image-two" "$image" &&
        alone "$engine" 1000:1000 detector -app /workspace &&
        phase "$engine" 0 restorer "$@" "${insecure[@]}" "${run[@]}" "${build_image[@]}" -cache-dir /cache &&
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

# says ENGINE IMAGE TEXT [FLAG]: what the image says when it is started from the registry.
says() {
    "$1" pull --quiet ${4:+"$4"} "$2" > /dev/null
    expect "$3" "$1" run --rm --network none "$2"
}

# rebased_onto IMAGE FLAG...: the run image that an image names in its label.
rebased_onto() {
    skopeo inspect --config "${@:2}" "$1" | python3 -c 'import json, sys
print(json.loads(json.load(sys.stdin)["config"]["Labels"]["io.buildpacks.lifecycle.metadata"])["runImage"]["image"])'
}

with_engine() {
    local engine=$1 image=$registry/app-$1 tls=${2:-} api from=''
    local credentials=(--env 'CNB_REGISTRY_AUTH={}')
    for api in 0.12 0.13 0.14 0.15; do
        note "$engine: each phase in a container of its own, into a registry, Platform API $api"
        twice "$engine" "$image-$api"
        says "$engine" "$image-$api-two" "word layer from the app" "$tls"
    done
    api=0.13
    note "$engine: analyzer, restorer and exporter from the image of the lifecycle"
    from=$lifecycle twice "$engine" "$image"
    says "$engine" "$image-two" "word layer from the app" "$tls"
    for api in 0.12 0.15; do
        note "$engine: an extension switches the run image, Platform API $api"
        builder=$switching twice "$engine" "$image-switched-$api"
        says "$engine" "$image-switched-$api-two" "switched" "$tls"
    done
    api=0.15
    local access=("${credentials[@]}")
    note "$engine: rebaser, onto the switched run image"
    fresh_volumes
    expect "*** Images" phase "$engine" 0 rebaser -force -insecure-registry "$registry" -run-image "$registry/switched:trixie" "$image-0.15"
    says "$engine" "$image-0.15" "word layer from the app" "$tls"
    [[ $(rebased_onto "docker://$image-0.15" --tls-verify=false) == "$registry/switched:trixie" ]] || die "the rebased image does not name its run image"
    api=0.13
    note "$engine: a builder whose lifecycle came out of the published image"
    builder=$imaged twice "$engine" "$image-imaged"
    says "$engine" "$image-imaged-two" "word layer from the app" "$tls"

    note "$engine: creator alone, as an ordinary user without capabilities"
    fresh_volumes
    chown 1000:1000 "$work/cache"
    access=(--cap-drop all "${credentials[@]}")
    expect "*** Images" phase "$engine" 1000:1000 creator -insecure-registry "$registry" -cache-dir /cache "$image:job"
    says "$engine" "$image:job" "word layer from the app" "$tls"
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
    local api from=''
    local credentials=(--volume "$work/docker/socket:/var/run/docker.sock" --security-opt label=disable)
    load docker run > /dev/null
    docker tag localhost/baler/run:trixie "$registry/run:trixie"
    for api in 0.12 0.15; do
        note "docker: each phase in a container of its own, into the daemon, Platform API $api"
        twice docker "local/app-$api" -daemon
        expect "word layer from the app" docker run --rm --network none "local/app-$api-two"
    done
    note "docker: analyzer, restorer and exporter from the image of the lifecycle, into the daemon"
    from=$lifecycle twice docker local/app -daemon
    expect "word layer from the app" docker run --rm --network none local/app-two
    note "docker: creator as root, which becomes the build user, into the daemon"
    fresh_volumes
    api=0.15
    # Elsewhere than where the buildpack looks whether it could have it: here all is one container.
    local access=(--volume "$work/docker/socket:/daemon.socket" --env DOCKER_HOST=unix:///daemon.socket --security-opt label=disable)
    expect "*** Images" phase docker 0 creator -daemon -cache-dir /cache -uid 1000 -gid 1000 local/created
    fresh_volumes
    expect "the layer is back" phase docker 0 creator -daemon -cache-dir /cache -uid 1000 -gid 1000 local/created
    local id
    id=$(docker inspect --format '{{.Id}}' local/created)
    fresh_volumes
    expect "*** Image ID: ${id#sha256:}" phase docker 0 creator -daemon -log-level debug -cache-dir /cache -uid 1000 -gid 1000 local/created
    rm -rf "$work/cache"
    expect "word layer from the app" docker run --rm --network none local/created
    docker pull --quiet "$registry/switched:trixie" > /dev/null
    note "docker: rebaser, onto the switched run image, in the daemon"
    fresh_volumes
    expect "*** Images" phase docker 0 rebaser -daemon -force -run-image "$registry/switched:trixie" local/created
    expect "word layer from the app" docker run --rm --network none local/created
    [[ $(rebased_onto docker-daemon:local/created:latest --daemon-host "$DOCKER_HOST") == "$registry/switched:trixie" ]] || die "the rebased image does not name its run image"
    note "docker: an extension switches the run image, into the daemon"
    builder=$switching twice docker local/switched -daemon
    expect "switched" docker run --rm --network none local/switched-two
}

start_registry
make_builders
printf '[[images]]\nimage = "%s"\n' "$registry/run:trixie" > "$work/run.toml"
note "baler: a build with the builder whose lifecycle came out of the archive"
expect "Successfully built image" "$baler" build app --builder switching --path "$work/app" --insecure-registry "$registry"
expect "switched" "$baler" run app
for engine in "${@:-docker podman}"; do
    for engine in $engine; do
        [[ $engine != docker ]] || start_docker
        case $engine in
            docker | podman) ;;
            *) die "no such engine: $engine" ;;
        esac
        builder=$(load "$engine" builder) switching=$(load "$engine" switching) lifecycle=$(load "$engine" lifecycle)
        imaged=$(load "$engine" imaged)
        case $engine in
            docker)
                with_engine docker
                with_daemon
                ;;
            podman) with_engine podman --tls-verify=false ;;
        esac
    done
done
note "the phases work in containers"
