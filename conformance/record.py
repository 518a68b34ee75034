#!/usr/bin/env python3
"""Records the corpus with one lifecycle, or checks another one against it.

    record.py LIFECYCLE_DIR            writes expected/ of every scenario
    record.py LIFECYCLE_DIR --check    compares, prints a table, exit 1 on differences

See README.md. Needs root, python3 >= 3.11, docker-registry and apt-get/dpkg-deb
(or --base with the output of base/make.py).
"""
import argparse
import multiprocessing
import os
import pickle
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "base")]

import make as base  # noqa: E402
from harness import compare, sandbox, scenario  # noqa: E402
from harness.registry import Registry  # noqa: E402
from harness.runner import run_variant  # noqa: E402


def prepare_lifecycle(source, target):
    """The binaries, with SBOM files of the corpus in place of the release's own."""
    os.makedirs(target)
    for name in sorted(os.listdir(source)):
        path = os.path.join(source, name)
        if ".sbom." in name or os.path.isdir(path):
            continue
        if os.path.islink(path) and "/" not in os.readlink(path):
            os.symlink(os.readlink(path), os.path.join(target, name))
        else:
            shutil.copyfile(path, os.path.join(target, name))
            os.chmod(os.path.join(target, name), 0o755)
    for name in os.listdir(os.path.join(HERE, "base", "sbom")):
        shutil.copyfile(os.path.join(HERE, "base", "sbom", name), os.path.join(target, name))


def seed(layouts, storage):
    """Fills a registry's storage with the base images."""
    def push():
        registry = Registry(storage)
        for repository in ("build", "run"):
            registry.push_layout(os.path.join(layouts, repository), repository)
        registry.stop()

    if not sandbox.isolated(push):
        raise SystemExit("the registry could not be filled")


def run_one(job):
    """All variants of one scenario, each in its own namespaces. -> (name, results, log, error)"""
    item, lifecycle, seeded, scratch = job
    results, log = {}, ""
    for prefix, data in item.variants():
        work = tempfile.mkdtemp(dir=scratch)
        os.chmod(work, 0o755)
        answer = os.path.join(work, "answer")

        def inside():
            storage = os.path.join(work, "registry")
            shutil.copytree(seeded, storage)
            with open(answer, "wb") as out:
                pickle.dump(run_variant(item, data, lifecycle, storage, work), out)

        good = sandbox.isolated(inside)
        if good:
            with open(answer, "rb") as file:
                part, text = pickle.load(file)
            results.update({prefix + name: value for name, value in part.items()})
            log += text
        shutil.rmtree(work, ignore_errors=True)
        if not good:
            return item.name, None, log, f"the harness failed in variant {prefix or '-'}"
    return item.name, results, log, None


def read_expected(path):
    expected = {}
    for at, _, files in os.walk(path):
        for name in files:
            full = os.path.join(at, name)
            with open(full, newline="") as file:
                expected[os.path.relpath(full, path)] = file.read()
    return expected


def write_tree(path, results):
    shutil.rmtree(path, ignore_errors=True)
    for name, text in results.items():
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", newline="") as out:
            out.write(text)


def read_allowed(path):
    """Differences on purpose: `SCENARIO/FILE-PATTERN`, one a line, `#` begins a comment. -> [(scenario, pattern)]"""
    allowed = []
    with open(path) as file:
        for line in file:
            line = line.partition("#")[0].strip()
            if line:
                allowed.append(tuple(line.split("/", 1)))
    return allowed


def report(item, results, strict, verbose, allowed):
    """Prints one row of the table; returns whether the scenario passed."""
    expected = read_expected(os.path.join(item.path, "expected"))
    if "compare" in item.data:  # worked out by hand: for the rest there are no expectations
        results = {name: text for name, text in results.items()
                   if compare.is_advisory(name, item.data["compare"], ()) or "harness-error" in name}
    differences = compare.compare(expected, results)
    patterns = [pattern for scenario, pattern in allowed if scenario == item.name]
    for pattern in patterns:
        if not any(compare.is_advisory(entry[0], [pattern], ()) for entry in differences):
            print(f"note  {item.name}: no difference is left in {pattern}")
    patterns = item.data.get("advisory", []) + patterns
    required = [entry for entry in differences if strict or not compare.is_advisory(entry[0], patterns)]
    advisory = len(differences) - len(required)
    note = f"{len(required)} files differ" if required else ""
    if advisory:
        note += f" ({advisory} advisory)"
    print(f"{'FAIL' if required else 'pass'}  {item.name:<34} {note}".rstrip())
    for name, what, diff in required:
        print(f"      {what}: {name}")
        for line in diff[:verbose]:
            print("        " + line)
    return not required


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lifecycle", help="directory with the lifecycle's binaries (static)")
    parser.add_argument("names", nargs="*", help="only scenarios whose name contains one of these")
    parser.add_argument("--check", action="store_true", help="compare instead of recording")
    parser.add_argument("--root", action="append", default=[], help="a further corpus root (repeatable)")
    parser.add_argument("--only-roots", action="store_true", help="leave out the scenarios beside this script")
    parser.add_argument("--base", help="base images made earlier by base/make.py")
    parser.add_argument("--allow", metavar="FILE", help="list of differences that are on purpose")
    parser.add_argument("--save", help="with --check: also write the results here")
    parser.add_argument("--logs", help="write the full output of each scenario's phases here")
    parser.add_argument("--strict", action="store_true", help="advisory differences count")
    parser.add_argument("--diff", type=int, default=12, metavar="N", help="lines of difference per file")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count())
    options = parser.parse_intermixed_args()
    if os.geteuid() != 0:
        raise SystemExit("record.py needs root: it makes namespaces, mounts and chroots")
    roots = [os.path.abspath(root) for root in options.root]
    everything = scenario.load(roots if options.only_roots else [HERE, *roots], options.names)
    for item in everything:
        item.roots = [HERE, *roots]
    allowed = read_allowed(options.allow) if options.allow else []
    os.umask(0o022)
    with tempfile.TemporaryDirectory(prefix="conformance-", ignore_cleanup_errors=True) as scratch:
        os.chmod(scratch, 0o755)
        layouts = options.base
        if not layouts:
            layouts = os.path.join(scratch, "base")
            base.make(layouts)
        lifecycle, seeded = os.path.join(scratch, "lifecycle"), os.path.join(scratch, "seeded")
        prepare_lifecycle(options.lifecycle, lifecycle)
        seed(layouts, seeded)
        passed = failed = 0
        by_name = {item.name: item for item in everything}
        jobs = [(item, lifecycle, seeded, scratch) for item in everything]
        context = multiprocessing.get_context("fork")
        with context.Pool(options.jobs) as pool:
            for name, results, log, error in pool.imap(run_one, jobs):
                item = by_name[name]
                if options.logs:
                    os.makedirs(options.logs, exist_ok=True)
                    with open(os.path.join(options.logs, name + ".log"), "w") as out:
                        out.write(log)
                if error:
                    print(f"FAIL  {name:<34} {error}")
                    good = False
                elif options.check:
                    if options.save:
                        write_tree(os.path.join(options.save, name), results)
                    good = report(item, results, options.strict, options.diff, allowed)
                else:
                    write_tree(os.path.join(item.path, "expected"), results)
                    failing = [f"{step.removesuffix('/exit-code')}: {text.split(chr(10))[-2]}"
                               for step, text in results.items()
                               if step.endswith("exit-code") and not text.endswith(" 0\n")]
                    failing += [f"{step}: {text.strip()}" for step, text in results.items() if "harness-error" in step]
                    print(f"recorded  {name:<34} {len(results):>3} files  {'; '.join(failing)}")
                    good = True
                passed, failed = passed + good, failed + (not good)
                sys.stdout.flush()
        print(f"{passed} passed, {failed} failed" if options.check else f"{passed} scenarios recorded")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
