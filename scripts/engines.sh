# The images of the samples under container engines: Podman with runc, and Docker. For root only. Needs common.sh, user.sh,
# http.sh, samples.sh.

# Hands every image to Podman, and asks it for its page.
samples_under_podman() {
    under_engine podman
    # Podman mounts its store on itself.
    umount "$podman_store/overlay" 2> /dev/null || true
    rm -rf "$podman_store" "$podman_store-run"
}

# The same with a Docker daemon of our own, which touches neither the network of this machine nor the images of others.
samples_under_docker() {
    local result=0
    start_docker
    (
        set -e
        under_engine docker
    ) || result=$?
    stop_docker
    return "$result"
}

# Each image of `sample_pages` under the engine $1.
under_engine() {
    local name page text
    for line in "${sample_pages[@]}"; do
        read -r name page text <<< "$line"
        as_sample_user save "$name" --output "$work/home/image.tar"
        "$1" load --quiet --input "$work/home/image.tar" > /dev/null
        rm "$work/home/image.tar"
        note "$1: $name"
        answers_under_engine "$1" "$name" "$page" "$text"
    done
}

answers_under_engine() {
    local engine=$1 container=baler-test-$2 result=0
    port=$(free_port)
    "$engine" run --rm --name "$container" --network host --env "PORT=$port" "$2" > "$work/log" 2>&1 &
    process=$!
    expect_page "$3" "$4" || result=1
    "$engine" stop --time 2 "$container" > /dev/null || result=1
    wait "$process" || true
    return "$result"
}

# With limits that a container may set wherever it runs, and nothing left in the store of whoever uses Podman here.
podman() {
    local limits=()
    [[ $1 != run ]] || limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
    command podman --root "$podman_store" --runroot "$podman_store-run" --storage-driver overlay \
        --runtime runc --cgroup-manager cgroupfs "$1" "${limits[@]}" "${@:2}"
}

docker() { command docker --host "unix://$work/docker/socket" "$@"; }

start_docker() {
    local deadline=$(($(now) + 60000))
    mkdir -p "$work/docker"
    dockerd --storage-driver overlay2 --host "unix://$work/docker/socket" --data-root "$work/docker/data" --exec-root "$work/docker/exec" \
        --pidfile "$work/docker/pid" --bridge=none --iptables=false --ip6tables=false > "$work/docker/log" 2>&1 &
    docker_process=$!
    until docker version > /dev/null 2>&1; do
        if ! kill -0 "$docker_process" 2> /dev/null || [[ $(now) -gt $deadline ]]; then
            cat "$work/docker/log"
            die "the Docker daemon did not start"
        fi
        sleep 0.2
    done
}

stop_docker() {
    kill -TERM "$docker_process" 2> /dev/null || true
    wait "$docker_process" || true
    awk -v below="$work/docker/" 'index($2, below) == 1 { print $2 }' /proc/mounts | while read -r mount; do
        umount --lazy "$mount"
    done
    rm -rf "$work/docker"
}
