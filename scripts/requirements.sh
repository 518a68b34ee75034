# What ./demo and ./test need besides git, a C compiler and rustup, and how it gets there. Needs common.sh.

# Installs the Debian packages "$@" that are missing; without the right to, names them and ends.
require_packages() {
    command -v dpkg-query > /dev/null || die "this script installs Debian packages, and this is no Debian"
    local package missing=()
    for package in "$@"; do
        if [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) != installed ]]; then
            missing+=("$package")
        fi
    done
    if [[ ${#missing[@]} -eq 0 ]]; then
        note "Debian packages: all there ($*)"
        return
    fi
    note "Debian packages to install: ${missing[*]}"
    local become_root=()
    if ! is_root; then
        become_root=(sudo)
        # Asking for a password needs somebody to ask.
        if ! command -v sudo > /dev/null || { [[ ! -t 0 ]] && ! sudo -n true 2> /dev/null; }; then
            die "these packages are missing; as root: apt-get install -y --no-install-recommends ${missing[*]}"
        fi
    fi
    run "${become_root[@]}" apt-get update -qq
    run "${become_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# Installs the toolchain that rust-toolchain.toml pins, with its targets.
require_toolchain() {
    command -v rustup > /dev/null || die "rustup is missing: see https://rustup.rs"
    local channel components targets
    channel=$(toolchain_value channel)
    components=$(toolchain_value components)
    targets=$(toolchain_value targets)
    if toolchain_is_complete "$channel" "$targets"; then
        note "Rust toolchain: $channel is there, with the targets $targets"
        return
    fi
    note "Rust toolchain to install: $channel, with $components, for $targets"
    run rustup toolchain install "$channel" --profile minimal --no-self-update --component "$components" --target "$targets"
}

# A value of rust-toolchain.toml; a list is joined with commas.
toolchain_value() {
    sed -n "s/^$1 = //p" "$root/rust-toolchain.toml" | tr -d '[]" '
}

toolchain_is_complete() {
    local channel=$1 installed target
    installed=$(rustup target list --toolchain "$channel" --installed 2> /dev/null) || return 1
    for target in ${2//,/ }; do
        grep -qx "$target" <<< "$installed" || return 1
    done
    rustup run "$channel" cargo clippy --version > /dev/null 2>&1 && rustup run "$channel" cargo fmt --version > /dev/null 2>&1
}

# Installs a cargo command from its sources.
require_cargo_command() {
    if command -v "cargo-$1" > /dev/null; then
        note "cargo $1: is there"
        return
    fi
    note "cargo $1 to install"
    run cargo install --quiet --locked "cargo-$1"
}

# Some machines have the device of tunnels for root alone; udev and every distribution give it to all, and pasta needs it.
require_tunnels() {
    [[ -c /dev/net/tun ]] && is_root || return 0
    run chmod 0666 /dev/net/tun
}

# Says early what would fail late: a kernel that lets ordinary users have no user namespaces.
require_user_namespaces() {
    as_user unshare --user true 2> /dev/null && return
    die "user $user can not have user namespaces; as root: sysctl -w kernel.unprivileged_userns_clone=1 user.max_user_namespaces=15000" \
        "(and kernel.apparmor_restrict_unprivileged_userns=0 where that exists)"
}
