#!/usr/bin/env bash
# What five buildpacks cost that --buildpack adds, over the same five in the builder: as directories, as archives, and as
# one package. Needs target/dist (`cargo xtask build`, `cargo xtask base-images`; BALER names another program) and python3.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
baler=${BALER:-$root/target/dist/baler}
work=$(mktemp -d)
export BALER_HOME=$work/store
trap '"$baler" rm --all --quiet; chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"

mkdir -p app
echo hello > app/file
printf '[build]\nimage = "localhost/baler/base-build:trixie"\n[[run.images]]\nimage = "localhost/baler/run:trixie"\n' > images.toml
order='[[order]]' elements='' sources='' dependencies=''
for name in one two three four five; do
    mkdir -p $name/bin
    printf 'api = "0.12"\n[buildpack]\nid = "bench/%s"\nversion = "1"\n' $name > $name/buildpack.toml
    printf '#!/bin/sh\nexit 0\n' | tee $name/bin/detect > $name/bin/build
    chmod +x $name/bin/detect $name/bin/build
    tar czf $name.tgz -C $name .
    elements+=$(printf '\n[[order.group]]\nid = "bench/%s"\nversion = "1"' $name)
    sources+=$(printf '\n[[buildpacks]]\nuri = "%s"' $name)
    dependencies+=$(printf '\n[[dependencies]]\nuri = "%s"' $name)
done
{ cat images.toml; echo "$sources"; echo "$order$elements"; } > five.toml
{ cat images.toml; printf '[[buildpacks]]\nuri = "one"\n[[order]]\n[[order.group]]\nid = "bench/one"\n'; } > none.toml
mkdir -p all
printf 'api = "0.12"\n[buildpack]\nid = "bench/all"\nversion = "1"\n%s%s\n' "$order" "$elements" > all/buildpack.toml
printf '[buildpack]\nuri = "all"%s\n' "$dependencies" > package.toml

"$baler" load "$root/target/dist/base" > /dev/null
"$baler" builder create five --config five.toml --quiet
"$baler" builder create none --config none.toml --quiet
"$baler" buildpack package all.cnb --format file --config package.toml --quiet

python3 - "$baler" "${1:-20}" <<'PYTHON'
import resource, statistics, subprocess, sys, time
baler, runs = sys.argv[1], int(sys.argv[2])
names = "one two three four five".split()
many = lambda suffix: [word for name in names for word in ("-b", f"./{name}{suffix}")]
cases = {"in the builder": ["-B", "five"], "directories": ["-B", "none", *many("")], "archives": ["-B", "none", *many(".tgz")],
         "one package": ["-B", "none", "-b", "./all.cnb"]}
took, worked = {name: [] for name in cases}, {name: [] for name in cases}

def processor():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (usage.ru_utime + usage.ru_stime) * 1000

# One after another, so that what else the machine does falls on all alike.
for turn in range(runs + 2):
    for name, words in cases.items():
        begin, before = time.monotonic(), processor()
        subprocess.run([baler, "build", "app", "--path", "app", "--quiet", *words], check=True, stdout=subprocess.DEVNULL)
        if turn >= 2:
            took[name].append((time.monotonic() - begin) * 1000)
            worked[name].append(processor() - before)
median = statistics.median
base, busy = median(took["in the builder"]), median(worked["in the builder"])
for name in cases:
    time_over, work_over = median(took[name]) - base, median(worked[name]) - busy
    print(f"{name:16} median {median(took[name]):6.1f} ms ({time_over:+6.1f})   processors {median(worked[name]):6.1f} ms ({work_over:+6.1f})")
PYTHON
