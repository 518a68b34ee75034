#!/usr/bin/env bash
# What it costs to publish: a build in which nothing changed, and one with 1 GB of new layers, both to a registry on
# loopback, beside the same builds to the local store. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`), docker-registry,
# python3, GNU time, hyperfine, and 6 GB of disk. BALER names another program; with REGISTRY=baler the registry is `baler dev registry`,
# in a directory, which leaves more of the processors to the build.
source "$(dirname "$0")/../scene.sh"
registry=127.0.0.1:${PORT:-5077}

if [[ ${REGISTRY:-} == baler ]]; then
    "$baler" dev registry --listen "$registry" --directory "$work/registry" > requests 2> /dev/null < /dev/null &
else
    cat > registry.yml <<YAML
version: 0.1
storage: {filesystem: {rootdirectory: $work/registry}}
http: {addr: $registry}
YAML
    docker-registry serve registry.yml > requests 2> /dev/null &
fi
pids+=("$!")
until curl -sf "$registry/v2/" > /dev/null; do sleep 0.1; done

# 20,000 files, two thirds of the bytes text, one third random, as in bench/export.
python3 - "$work/files" "${MEGABYTES:-1000}" <<'PYTHON'
import os, random, sys
root, megabytes = sys.argv[1], int(sys.argv[2])
text = b"The quick brown fox jumps over the lazy dog, number %d.\n"
each = megabytes * 1_000_000 // 20_000
for number in range(20_000):
    directory = f"{root}/{number // 100}"
    os.makedirs(directory, exist_ok=True)
    body = os.urandom(each) if number % 3 == 0 else b"".join(text % random.randrange(10**9) for _ in range(each // 57))
    with open(f"{directory}/{number}", "wb") as file:
        file.write(body)
PYTHON

buildpack nothing
buildpack large 'mkdir "$CNB_LAYERS_DIR/files"; cp -r /files/. "$CNB_LAYERS_DIR/files"; cat /platform/env/SEED > "$CNB_LAYERS_DIR/files/seed"
printf "[types]\nlaunch = true\n" > "$CNB_LAYERS_DIR/files.toml"'
builder bench nothing large
small_application app
"$baler" push localhost/baler/run:trixie "$registry/run" --quiet
run=(--builder bench --path app --run-image "$registry/run")

# What is still being written to the disk keeps small writes waiting.
sync

echo "== nothing changed"
"$baler" build "$registry/small" "${run[@]}" --publish --quiet
before=$(grep -c '/v2/' requests)
"$baler" build "$registry/small" "${run[@]}" --publish --quiet
echo "requests: $(($(grep -c '/v2/' requests) - before))"
hyperfine --warmup 3 --runs "${RUNS:-30}" \
    --command-name "to the registry" "'$baler' build $registry/small ${run[*]} --publish --quiet" \
    --command-name "to the local store" "'$baler' build small ${run[*]} --quiet"

echo "== ${MEGABYTES:-1000} MB of new files; seconds of export, peak memory of the program"
for round in $(seq "${ROUNDS:-3}"); do
    for place in store registry; do
        # Each under its own name: layers are new where no earlier image has them.
        flags=(); name=large-$round
        [[ $place == store ]] || { flags=(--publish); name=$registry/large-$round; }
        sync
        /usr/bin/time -f "%M" -o memory "$baler" build "$name" "${run[@]}" --buildpack bench/large --volume "$work/files:/files" \
            --env "SEED=$round-$place" --timings "${flags[@]}" > output
        echo "$place: $(awk '/^  export/ { print $2, $3 }' output), $(($(cat memory) / 1024)) MiB"
        "$baler" rm "large-$round" --quiet 2> /dev/null || true
        "$baler" prune --caches --quiet > /dev/null
    done
done
