# The tests of the crates, and what is looked at around them. Needs common.sh, user.sh, checks.sh.

# Runs all tests of the workspace, with everything they say in the file $1. Those of the launcher run once more for the
# C library that it ships with.
crate_tests() {
    {
        cargo test --workspace --locked --no-fail-fast -- --show-output || true
        cargo test --package baler-launcher --locked --no-fail-fast --target "$(uname -m)-unknown-linux-musl" -- --show-output || true
    } 2>&1 | report_tests "$1"
}

# Runs the same programs as the ordinary user. They have paths of the repository in them, so it is made reachable.
crate_tests_as_user() {
    test_programs | while IFS=$'\t' read -r directory program; do
        echo "     Running $(basename "$directory") ($program)"
        # A program that ends before it says its result has failed too.
        in_reach sh -c 'cd "$1" && exec "$2" --show-output' sh "$directory" "$program" 2>&1 < /dev/null ||
            echo "error: $program ended with $?"
    done | report_tests "$1"
}

# Prints `directory<TAB>program` for each compiled test program of the crates.
test_programs() {
    cargo test --workspace --exclude xtask --locked --no-run --quiet --message-format=json |
        sed -n 's|.*"manifest_path":"\([^"]*\)/Cargo.toml".*"profile":{[^}]*"test":true}.*"executable":"\([^"]*\)".*|\1\t\2|p'
}

# Shows one line for each test program and all that failed; keeps everything in the file $1. Fails if a test did.
report_tests() {
    tee "$1" | grep --line-buffered -E '^( *Running|   Doc-tests|error|test result:)' |
        sed -u 's/^test result: /      /; s/; finished.*//; s/ (.*deps\/\(.*\))$/ (\1)/' || true
    if grep -qE '^(test result: FAILED|error)' "$1" || ! grep -q '^test result: ok' "$1"; then
        sed -n '/^failures:$/,/^test result/p' "$1"
        grep -A 20 '^error' "$1" || true
        return 1
    fi
}

# Runs a command as the user, in a mount namespace where the repository can be reached although a home such as /root is
# closed. The command sees the same paths, and nothing else of that home.
in_reach() {
    local target=${CARGO_TARGET_DIR:-$root/target}
    if as_user test -r "$root/Cargo.toml" -a -r "$target"; then
        as_user "$@"
        return
    fi
    export -f as_user become_user in_reach_within
    closed=$HOME root=$root target=$target user=$user user_home=$user_home user_is_other=$user_is_other \
        unshare --mount --propagation private bash -c 'in_reach_within "$@"' bash "$@"
}

in_reach_within() {
    local kept=/run/baler-test
    mkdir -p "$kept"
    mount -t tmpfs tmpfs "$kept"
    mkdir "$kept/root" "$kept/target"
    mount --bind "$root" "$kept/root"
    mount --bind "$target" "$kept/target"
    mount -t tmpfs -o mode=755 tmpfs "$closed"
    mkdir -p "$root"
    mount --bind "$kept/root" "$root"
    mkdir -p "$target"
    mount --bind "$kept/target" "$target"
    as_user "$@"
}

# Names the tests that were skipped every time they ran; none of them may be with --no-skips.
report_skips() {
    local skips
    skips=$(skipped_tests "$root"/target/test*.log)
    if [[ -z $skips ]]; then
        note "none"
        return
    fi
    sed 's/^/    SKIP: /' <<< "$skips"
    [[ -z $no_skips ]]
}

# The sample buildpack is a workspace of its own.
check_rust_buildpack() {
    cd "$root/samples/buildpacks/web-concurrency"
    cargo fmt --check
    cargo clippy --quiet --all-targets --locked --target-dir "$root/target/samples" -- --deny warnings
    cargo test --quiet --locked --target-dir "$root/target/samples"
    cargo deny --log-level error --config "$root/deny.toml" check bans licenses sources
}

# What sandboxes could leave behind: mounts of ours, and processes of the test user.
traces() {
    grep -c baler /proc/self/mounts || true
    [[ -z $user_is_other ]] || pgrep -c -u "$user" || true
}

nothing_is_left() {
    local deadline=$(($(now) + 5000))
    until [[ $(traces) == "$1" ]]; do
        if [[ $(now) -ge $deadline ]]; then
            grep baler /proc/self/mounts || true
            [[ -z $user_is_other ]] || pgrep -a -u "$user" || true
            return 1
        fi
        sleep 0.1
    done
}
