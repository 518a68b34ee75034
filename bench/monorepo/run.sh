#!/usr/bin/env bash
# What an application of 100,000 files costs: a new one beside `tar c | gzip -1` of the same files, and one in which nothing
# or one file changed. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`), python3, hyperfine and 5 GB of disk. BALER names another program.
source "$(dirname "$0")/../scene.sh"

"$root/bench/monorepo/generate.py" app "${FILES:-100000}"
small_application small
buildpack nothing
builder bench nothing
"$baler" build small --builder bench --path small --quiet
# The program relies on no file that has only just been changed.
sleep 4

echo "== a new application"
# Each under its own name: where files have just been deleted, ext4 takes long to make new ones.
for run in $(seq "${RUNS:-3}"); do
    TIMEFORMAT="tar c | gzip -1: %R s"
    time (tar -C app -c . | gzip -1 > app.tar.gz)
    TIMEFORMAT="baler build: %R s"
    time "$baler" build "app-$run" --builder bench --path app --quiet
done
rm -f app.tar.gz

echo "== the same again, and an application of one file"
hyperfine --warmup 1 --runs "${AGAIN:-10}" \
    --command-name "100,000 files" "'$baler' build app-1 --builder bench --path app --quiet" \
    --command-name "one file" "'$baler' build small --builder bench --path small --quiet"

echo "== one file changed"
hyperfine --warmup 1 --runs "${RUNS:-3}" --prepare "date > app/changed" "'$baler' build app-1 --builder bench --path app --quiet"
