# What check.sh and check-builders.sh have in common: sourced, with $here set.
target=${CARGO_TARGET_DIR:-$here/../target}

skip() {
    echo "SKIP: needs $1"
    echo "0 passed, 0 failed"
    exit 0
}

require() {
    [ "$(id -u)" = 0 ] || skip "root, for namespaces, mounts and files of other users"
    command -v docker-registry >/dev/null || skip "docker-registry"
    command -v dpkg-deb >/dev/null || skip "dpkg-deb and apt-get, which the base images are made with"
    python3 -c 'import tomllib' 2>/dev/null || skip "python3 >= 3.11"
}

# The base images are the same in every run as long as base/ is.
make_base() {
    base=$target/conformance/$(cat "$here/base/make.py" | sha256sum | cut -c1-16)
    if [ ! -d "$base" ]; then
        mkdir -p "$target/conformance"
        rm -rf "$base.new"
        python3 "$here/base/make.py" "$base.new"
        mv "$base.new" "$base"
    fi
}
