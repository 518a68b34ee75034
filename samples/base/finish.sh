# Run by mmdebstrap when all packages are in; $1 is the root of the new file system. Adds the user, and removes
# what differs from one run, or from one machine, to the next. mmdebstrap itself removes apt's lists and caches, logs and
# the machine id. USER_NAME, USER_UID and USER_GID come from the description of the image.
set -eu
root=$1

# Debian's minimal system has no useradd, and no passwords.
echo "$USER_NAME:x:$USER_GID:" >> "$root/etc/group"
echo "$USER_NAME:x:$USER_UID:$USER_GID::/home/$USER_NAME:/bin/bash" >> "$root/etc/passwd"
mkdir -m 755 "$root/home/$USER_NAME"
chown "$USER_UID:$USER_GID" "$root/home/$USER_NAME"

# Copied from the machine that makes the image. They stay as empty files, for a sandbox to mount its own over.
for file in resolv.conf hostname hosts; do
    rm -f "$root/etc/$file"
    : > "$root/etc/$file"
done

# The mirror of this machine is no business of the image.
cat > "$root/etc/apt/sources.list" <<SOURCES
deb http://deb.debian.org/debian $SUITE main
deb http://deb.debian.org/debian $SUITE-updates main
deb http://deb.debian.org/debian-security $SUITE-security main
SOURCES

# Backups and caches with the order or the time of installation in them.
rm -f "$root"/etc/passwd- "$root"/etc/group- "$root"/etc/shadow- "$root"/etc/gshadow- "$root"/etc/subuid- "$root"/etc/subgid-
rm -f "$root"/var/cache/debconf/*-old "$root"/var/lib/dpkg/*-old
rm -rf "$root"/var/cache/ldconfig "$root"/var/log/*
