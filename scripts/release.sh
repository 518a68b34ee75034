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
    done
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
