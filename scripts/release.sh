# What is published: packed twice, which must give the same bytes, and looked at from the outside. Needs common.sh.

release_is_reproducible() {
    local work first second
    work=$(mktemp -d)
    first=$work/first second=$work/second
    run cargo xtask dist --output "$first"
    # Other times and modes on disk must not matter.
    find "$dist/lifecycle" "$dist/foreign/lifecycle" "$dist/sbom" -exec touch --no-dereference --date=@1000000000 {} +
    (umask 077 && run cargo xtask dist --output "$second")
    diff -r "$first" "$second"
    (cd "$first" && sha256sum --check --quiet ./*.sha256)
    local archive
    for archive in "$first"/lifecycle-v*.tgz; do
        release_archive_is_complete "$archive"
        release_is_taken_as_pack_does "$archive" ''
    done
    release_is_taken_as_pack_does "$(release_image_layer "$first/lifecycle-image")" cnb/
    skopeo inspect --raw "oci:$first/lifecycle-image" | grep -q '"architecture":"arm64"'
    rm -r "$work"
}

# All that platforms expect of a lifecycle's archive, owned by root.
release_archive_is_complete() {
    local phase name listing
    listing=$(tar --list --verbose --gzip --numeric-owner --file "$1")
    grep -q ' 0/0 .* lifecycle.toml$' <<< "$listing"
    for phase in analyzer builder creator detector exporter extender rebaser restorer; do
        grep -q " lifecycle/$phase -> lifecycle\$" <<< "$listing"
    done
    for name in lifecycle launcher {lifecycle,launcher}.sbom.{cdx,spdx,syft}.json; do
        grep -q " lifecycle/$name\$" <<< "$listing"
    done
    [[ $(grep -c ' 0/0 ' <<< "$listing") -eq $(wc -l <<< "$listing") ]]
}

# The file of the last layer of the lifecycle's image.
release_image_layer() {
    local digest
    digest=$(skopeo inspect --format '{{index .Layers 1}}' "oci:$1")
    printf '%s/blobs/%s\n' "$1" "${digest/://}"
}

# The steps by which `pack builder create` takes a lifecycle out of an archive, or out of the last layer of an image, where
# all lies below a directory: lifecycle.toml at the top with both forms of the APIs, then the files directly in a directory,
# among which the programs must be.
release_is_taken_as_pack_does() {
    python3 - "$1" "$2" << 'PYTHON'
import posixpath, re, sys, tarfile, tomllib
required = {"detector", "restorer", "analyzer", "builder", "exporter", "launcher", "creator"}
descriptor, programs, links = None, set(), {}
with tarfile.open(sys.argv[1]) as archive:
    for entry in archive:
        name = posixpath.normpath(entry.name).lstrip("/").removeprefix(sys.argv[2])
        if name == "lifecycle.toml":
            descriptor = tomllib.load(archive.extractfile(entry))
        elif found := re.fullmatch(r"[^/]+/([^/]+)", name):
            assert name.startswith("lifecycle/"), name
            programs.add(found[1])
            if entry.issym():
                links[found[1]] = entry.linkname
            elif not found[1].endswith(".json"):
                assert entry.mode & 0o111, f"{name} is no program"
assert not required - programs, required - programs
assert all(target in programs for target in links.values()), links
assert re.fullmatch(r"\d+\.\d+\.\d+", descriptor["lifecycle"]["version"])
for kind in ("buildpack", "platform"):
    apis = descriptor["apis"][kind]
    assert descriptor["api"][kind] == (apis["deprecated"] + apis["supported"])[0], apis
PYTHON
}
