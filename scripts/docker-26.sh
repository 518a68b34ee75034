#!/usr/bin/env bash
# Makes target/daemons/docker-26: a root file system with a Docker that has the containerd image store, which Docker has
# had since version 24. For the tests of crates/baler-daemon. Needs root, mmdebstrap, and Debian's archive; made once.
set -euo pipefail
source "$(dirname "$0")/common.sh"

target=$root/target/daemons/docker-26
[[ -e $target/usr/sbin/dockerd ]] && exit 0
is_root || die "only root can make $target"
work=$(mktemp --directory "$root/target/daemons.XXXXXX")
trap 'rm -rf "$work"' EXIT
chmod 0755 "$work"
mmdebstrap --quiet --variant=essential --include=docker.io,ca-certificates \
    --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    trixie "$work/root" http://deb.debian.org/debian
mkdir -p "${target%/*}"
rm -rf "$target"
mv "$work/root" "$target"
