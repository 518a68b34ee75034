# The ring of tests that uses the network: the samples, from Debian and npm packages to a page. Needs common.sh, user.sh,
# http.sh. Each function is one step of ./test; any command in it that fails is the failure of the step.

sample_builder=localhost/baler/builder
sample_image=guestbook

make_samples() {
    run cargo xtask samples
    run cargo xtask base-images
}

# Sets `work`: a directory that every user can read, with the program, the samples and a copy of the application in it.
copy_samples() {
    work=$(mktemp -d)
    chmod 755 "$work"
    podman_store=$work/podman
    cp -r "$dist/baler" "$dist/samples" "$dist/base" "$work/"
    cp -r "$dist/samples/apps/nodejs" "$work/app"
    mkdir "$work/home"
    [[ -z $user_is_other ]] || chown -R "$user:" "$work/app" "$work/home"
}

remove_samples() {
    as_sample_user rm --all > /dev/null 2>&1 || true
    rm -rf "$work"
}

# baler as the user, with a store for these tests alone.
as_sample_user() { as_user env BALER_HOME="$work/home/store" "$work/baler" "$@"; }

# The same packages give the same bytes: made again, the other way if there is another.
base_images_are_reproducible() {
    local again
    again=$(mktemp -d)
    run cargo xtask base-images --output "$again/base"
    cmp "$dist/base/index.json" "$again/base/index.json"
    rm -rf "$again"
}

# Builds the sample as the user: from nothing, warm, and from nothing again.
sample_builds_alike() {
    local first warm cold
    as_sample_user load "$work/base"
    as_sample_user builder create "$sample_builder" --config "$work/samples/builder.toml"
    build_sample "$work/first"
    first=$(digest_of)
    build_sample "$work/warm"
    warm=$(digest_of)
    expect_line "Reusing layer 'baler/nodejs:dependencies'" "$work/warm"
    expect_line "Reusing node_modules: package-lock.json is unchanged" "$work/warm"
    build_sample "$work/cold" --clear-cache
    cold=$(digest_of)
    expect_line "Installing dependencies with npm" "$work/cold"
    expect_equal "$first" "$warm"
    expect_equal "$first" "$cold"
    echo "$first" > "$work/digest"
}

# Builds it as somebody else, who has a store of its own: $1 is a user, or a user id that nobody has.
sample_builds_alike_as() {
    local store
    store=$(mktemp -d)
    cp -r "$work/samples/apps/nodejs" "$store/app"
    chown -R "$1:" "$store" 2> /dev/null || chown -R "$1:$1" "$store"
    as_id "$1" "$store" "$work/baler" load "$work/base"
    as_id "$1" "$store" "$work/baler" builder create "$sample_builder" --config "$work/samples/builder.toml"
    as_id "$1" "$store" "$work/baler" build "$sample_image" --builder "$sample_builder" --path "$store/app"
    expect_equal "$(cat "$work/digest")" "$(as_id "$1" "$store" "$work/baler" inspect "$sample_image" --output json | image_digest)"
    as_id "$1" "$store" "$work/baler" rm --all
    rm -rf "$store"
}

as_id() {
    local id=$1 store=$2
    shift 2
    setpriv --reuid="$id" --regid="$(id -g "$id" 2> /dev/null || echo "$id")" --clear-groups -- \
        env HOME="$store" BALER_HOME="$store/store" "$@"
}

# Starts the image, and compares what it answers.
sample_runs() {
    local port page health
    port=$(free_port)
    start_as_user "$work/log" env BALER_HOME="$work/home/store" "$work/baler" run "$sample_image" --env "PORT=$port"
    if ! page=$(fetch "http://localhost:$port/" "$process"); then
        cat "$work/log"
        return 1
    fi
    health=$(fetch "http://localhost:$port/health" "$process")
    # The application closes its server and ends with 0: the signal goes through, and the code comes back.
    kill -TERM "$process"
    wait "$process"
    grep -q '<h1>Hello from the guest book</h1>' <<< "$page"
    grep -q '"status":"ok"' <<< "$health"
}

# The exec.d program of the buildpack in Rust sets a variable, and leaves it alone where somebody did.
sample_environment() {
    local script='process.stdout.write(`${process.env.WEB_CONCURRENCY} ${process.env.NODE_ENV}`)'
    local expected
    expected="$(nproc) production"
    expect_equal "$expected" "$(as_sample_user run "$sample_image" --entrypoint launcher -- -- node -e "$script")"
    expect_equal "7 production" "$(as_sample_user run "$sample_image" --env WEB_CONCURRENCY=7 --entrypoint launcher -- -- node -e "$script")"
}

# Other tools take what is written: skopeo reads the layout, Podman with runc runs it.
sample_runs_elsewhere() {
    local layout=$work/home/layout image port status=0
    rm -rf "$layout"
    as_sample_user build "oci:$layout" --builder "$sample_builder" --path "$work/app" > "$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
    expect_equal "$(cat "$work/digest")" "$(skopeo inspect --format '{{.Digest}}' "oci:$layout")"
    if ! is_root; then
        note "Podman is for root only here"
        return
    fi
    # Podman makes a name of the path, which a name cannot have all letters of.
    image=$(cd "$work/home" && podman pull --quiet oci:layout)
    port=$(free_port)
    podman run --rm --name baler-test --network host --env "PORT=$port" "$image" > "$work/log" 2>&1 &
    process=$!
    fetch "http://localhost:$port/" "$process" | grep '<h1>Hello from the guest book</h1>' || status=1
    podman stop --time 5 baler-test > /dev/null || status=1
    wait "$process" || true
    podman rmi --force "$image" > /dev/null
    # Podman mounts its store on itself.
    umount "$podman_store/overlay" 2> /dev/null || true
    [[ $status -eq 0 ]] || cat "$work/log"
    return "$status"
}

# With limits that a container may set wherever it runs, and nothing left in the store of whoever uses Podman here.
podman() {
    local limits=()
    [[ $1 != run ]] || limits=(--ulimit nofile=1024:1024 --ulimit nproc=1024:1024)
    command podman --root "$podman_store" --runroot "$podman_store-run" --storage-driver overlay \
        --runtime runc --cgroup-manager cgroupfs "$1" "${limits[@]}" "${@:2}"
}

build_sample() {
    local output=$1
    shift
    as_sample_user build "$sample_image" --builder "$sample_builder" --path "$work/app" --timings "$@" > "$output" 2>&1 || {
        cat "$output"
        return 1
    }
    sed -n 's/^/    /; /^    \(Reusing\|Adding\|Installing\|Timings\)/p' "$output"
}

digest_of() { as_sample_user inspect "$sample_image" --output json | image_digest; }
image_digest() { grep -o '"digest": *"sha256:[0-9a-f]*"' | head -1 | grep -o 'sha256:[0-9a-f]*'; }

expect_line() {
    grep -qF "$1" "$2" && return
    echo "missing in the output: $1"
    cat "$2"
    return 1
}

expect_equal() {
    [[ $1 == "$2" ]] && return
    printf 'expected %s\nbut have %s\n' "$1" "$2"
    return 1
}
