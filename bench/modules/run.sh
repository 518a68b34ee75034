#!/usr/bin/env bash
# What five buildpacks cost that --buildpack adds, over the same five in the builder: as directories, as archives, and as
# one package. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`; BALER names another program) and python3.
#
# usage: run.sh [RUNS]
source "$(dirname "$0")/../scene.sh"

small_application app
names=(one two three four five)
for name in "${names[@]}"; do
    buildpack "$name"
    tar czf "$name.tgz" -C "$name" .
done
builder five "${names[*]}"
builder none one
mkdir all
{ printf 'api = "0.12"\n[buildpack]\nid = "bench/all"\nversion = "1"\n' && in_order "${names[@]}"; } > all/buildpack.toml
{ printf '[buildpack]\nuri = "all"\n' && printf '[[dependencies]]\nuri = "%s"\n' "${names[@]}"; } > package.toml
"$baler" buildpack package all.cnb --format file --config package.toml --quiet > /dev/null

python3 - "$baler" "${1:-20}" <<'PYTHON'
import resource, statistics, subprocess, sys, time
baler, runs = sys.argv[1], int(sys.argv[2])
names = "one two three four five".split()
many = lambda suffix: [word for name in names for word in ("-b", f"./{name}{suffix}")]
# Each has an image of its own: nothing changes from one build of it to the next.
cases = {"in the builder": ["in-builder", "-B", "five"], "directories": ["directories", "-B", "none", *many("")],
         "archives": ["archives", "-B", "none", *many(".tgz")], "one package": ["package", "-B", "none", "-b", "./all.cnb"]}
took, worked = {name: [] for name in cases}, {name: [] for name in cases}

def processor():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1000

# One after another, so that what else the machine does falls on all alike.
for turn in range(runs + 2):
    for name, words in cases.items():
        begin, before = time.monotonic(), processor()
        subprocess.run([baler, "build", *words, "--path", "app", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        if turn >= 2:
            took[name].append((time.monotonic() - begin) * 1000)
            worked[name].append(processor() - before)
median = statistics.median
base, busy = median(took["in the builder"]), median(worked["in the builder"])
for name in cases:
    time_over, work_over = median(took[name]) - base, median(worked[name]) - busy
    print(f"{name:16} median {median(took[name]):6.1f} ms ({time_over:+6.1f})   processors {median(worked[name]):6.1f} ms ({work_over:+6.1f})")
PYTHON
