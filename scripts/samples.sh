# The ring of tests that uses the network: the samples, from packages of registries to a page. Needs common.sh, user.sh,
# http.sh, engines.sh. Each function is one step of ./test; any command in it that fails is the failure of the step.

sample_builder=localhost/baler/builder
sample_image=nodejs
# The applications, and for each a page and what is in it.
sample_pages=(
    'nodejs / Hello again from'
    'python /pages/welcome Markdown'
    'go /?text=x code.png'
    'java /2026/11 Another calendar: November 2026'
    'rust / Visitors'
    'static /clock.js getElementById'
    'procfile / Hello again from'
)

make_samples() {
    run cargo xtask samples
    run cargo xtask base-images
}

# Sets `work`: a directory that every user can read, with the program, the samples and a copy of the applications in it.
copy_samples() {
    work=$(mktemp -d)
    chmod 755 "$work"
    podman_store=$work/podman
    cp -rL "$dist/baler" "$dist/samples" "$dist/base" "$work/"
    cp -r "$dist/samples/apps" "$work/apps"
    mkdir "$work/home"
    [[ -z $user_is_other ]] || chown -R "$user:" "$work/apps" "$work/home"
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
    expect_equal "$(cat "$work/digest")" "$(as_id "$1" "$store" "$work/baler" inspect --local "$sample_image" --output json | image_digest)"
    as_id "$1" "$store" "$work/baler" rm --all
    rm -rf "$store"
}

as_id() {
    local id=$1 store=$2
    shift 2
    setpriv --reuid="$id" --regid="$(id -g "$id" 2> /dev/null || echo "$id")" --clear-groups -- \
        env HOME="$store" BALER_HOME="$store/store" "$@"
}

# The application closes its server and ends with 0: the signal goes through, and the code comes back.
sample_runs() {
    start_application "$sample_image"
    expect_page /health '"status":"ok"'
    stop_application
    expect_equal 0 "$status"
}

# A step for each application: it answers; one line changes; it is built from caches, and answers with that.
each_sample() {
    step "samples: Node.js" sample_answers nodejs / server.js 'Hello from' 'Hello again from' \
        'Reusing node_modules: package-lock.json is unchanged'
    step "samples: Python" sample_answers python / app.py 'The handbook' 'The other handbook' \
        'Reusing the packages: requirements.txt is unchanged'
    step "samples: Go" sample_answers go / main.go 'QR codes' 'Pictures of text' \
        'Reusing packages for build: golang-go' 'Reusing the modules: go.sum is unchanged'
    step "samples: Java" sample_answers java /2026/11 src/main/java/com/example/calendar/Application.java 'A calendar' 'Another calendar' \
        'Reusing packages for build: maven openjdk-21-jdk-headless' 'Reusing the dependencies and the runtime: pom.xml is unchanged'
    step "samples: Rust" sample_answers rust / src/main.rs 'Visits' 'Visitors' \
        'Reusing packages for build: cargo rustc' 'Reusing the crates: Cargo.lock is unchanged'
    step "samples: static files" sample_answers static / public/index.html 'is compiled' 'is compiled or installed' \
        'Reusing packages for launch: busybox-static'
    step "samples: Procfile" sample_answers procfile / server.py 'Hello from' 'Hello again from'
}

# Builds the application $1 as the user, starts it, and finds $4 in its page $2. Then $4 becomes $5 in its file $3, and the
# same again; "${@:6}" are lines that the second build must say: that it took what it needs from its caches.
sample_answers() {
    local name=$1 page=$2 file=$3 before=$4 after=$5
    build_application "$name" "$work/first"
    answers "$name" "$page" "$before"
    sed -i "s/$before/$after/" "$work/apps/$name/$file"
    build_application "$name" "$work/again"
    for line in "${@:6}"; do
        expect_line "$line" "$work/again"
    done
    answers "$name" "$page" "$after"
}

build_application() {
    as_sample_user build "$1" --builder "$sample_builder" --path "$work/apps/$1" --timings > "$2" 2>&1 || {
        cat "$2"
        return 1
    }
    sed -n 's/^/    /; /^    \(Fetching\|Installing\|Downloading\|Compiling\|Reusing the\|Reusing packages\|  build\|  export\)/p' "$2"
}

# Starts the image $1, and looks for $3 in its page $2.
answers() {
    start_application "$1"
    expect_page "$2" "$3"
    stop_application
}

# Sets `process` and `port`.
start_application() {
    port=$(free_port)
    start_as_user "$work/log" env BALER_HOME="$work/home/store" "$work/baler" run "$1" --publish "$port:8080"
}

# Sets `status`, the code that the application ended with.
stop_application() {
    status=0
    kill -TERM "$process"
    wait "$process" || status=$?
}

expect_page() {
    local page
    if ! page=$(fetch "http://localhost:$port$1" "$process"); then
        echo "no answer for $1"
        cat "$work/log"
        kill -KILL "$process" 2> /dev/null || true
        return 1
    fi
    grep -qF "$2" <<< "$page" && return
    printf 'the page %s has no %s:\n%s\n' "$1" "$2" "$page"
    kill -KILL "$process"
    return 1
}

# The exec.d program of the buildpack in Rust sets a variable, and leaves it alone where somebody did.
sample_environment() {
    local script='process.stdout.write(`${process.env.WEB_CONCURRENCY} ${process.env.NODE_ENV}`)'
    local expected
    expected="$(nproc) production"
    expect_equal "$expected" "$(as_sample_user run "$sample_image" --entrypoint launcher -- -- node -e "$script")"
    expect_equal "7 production" "$(as_sample_user run "$sample_image" --env WEB_CONCURRENCY=7 --entrypoint launcher -- -- node -e "$script")"
}

# Builder and run image come from a registry, and the image goes there; the store of the user knows nothing before. Then it
# is started by another one who has nothing.
sample_from_registry() {
    local result=0
    start_registry
    (
        set -e
        skopeo copy --quiet --dest-tls-verify=false "oci:$work/base:localhost/baler/run:trixie" "docker://$registry/run:trixie"
        as_sample_user builder create "$registry/builder" --config "$work/samples/builder.toml" --publish
        in_store builder build "$registry/handbook" --builder "$registry/builder" --run-image "$registry/run:trixie" \
            --path "$work/samples/apps/python" --publish
        port=$(free_port)
        start_as_user "$work/log" env BALER_HOME="$work/home/runner" "$work/baler" run "$registry/handbook" --publish "$port:8080"
        expect_page /pages/welcome Markdown
        stop_application
        in_store builder rm --all
        in_store runner rm --all
    ) || result=$?
    kill "$registry_process"
    wait "$registry_process" || true
    return "$result"
}

# Starts docker-registry; sets `registry` to its address.
start_registry() {
    registry=127.0.0.1:$(free_port)
    cat > "$work/registry.yml" <<SETTINGS
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: $registry}
SETTINGS
    docker-registry serve "$work/registry.yml" > "$work/registry.log" 2>&1 &
    registry_process=$!
    fetch "http://$registry/v2/" "$registry_process" > /dev/null
}

# baler as the user, with the store $1 of its own.
in_store() { as_user env BALER_HOME="$work/home/$1" "$work/baler" "${@:2}"; }

# Another tool takes the layout that is written.
sample_as_layout() {
    local layout=$work/home/layout
    rm -rf "$layout"
    as_sample_user build "oci:$layout" --builder "$sample_builder" --path "$work/samples/apps/nodejs" > "$work/log" 2>&1 || {
        cat "$work/log"
        return 1
    }
    expect_equal "$(cat "$work/digest")" "$(skopeo inspect --format '{{.Digest}}' "oci:$layout")"
}

build_sample() {
    local output=$1
    shift
    as_sample_user build "$sample_image" --builder "$sample_builder" --path "$work/apps/nodejs" --timings "$@" > "$output" 2>&1 || {
        cat "$output"
        return 1
    }
    sed -n 's/^/    /; /^    \(Reusing\|Adding\|Installing\|Timings\)/p' "$output"
}

digest_of() { as_sample_user inspect --local "$sample_image" --output json | image_digest; }
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
