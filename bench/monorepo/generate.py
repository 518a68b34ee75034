#!/usr/bin/env python3
"""Makes a monorepo: generate.py DIRECTORY [FILES]. The same files each time.

Packages of about a hundred files: sources of one to a few kilobytes, some of 10 to 100 KB, and in each hundredth
package one of some megabytes that does not compress.
"""
import os
import random
import sys

root, wanted = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
dice = random.Random(1)
words = [
    "".join(dice.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(dice.randint(2, 11))) for _ in range(4000)
]
shapes = [
    "import {{ {0}, {1} }} from '../{2}/{3}';\n",
    "export function {0}({1}: string, {2}: number): {3} {{\n",
    "    const {0} = await {1}.{2}({3}, {{ {4}: {5} }});\n",
    "    if ({0}.{1} !== {2}) {{ throw new Error(`{3} {4}`); }}\n",
    "    // {0} {1} {2} {3} {4} {5} {6}\n",
    "    return {0}.map(({1}) => {1}.{2} + {3});\n}}\n\n",
]


def text():
    return dice.choice(shapes).format(*(dice.choice(words) for _ in range(7)))


pool = "".join(text() for _ in range(60_000)).encode()


def part(size):
    start = dice.randrange(len(pool) - size)
    return pool[start : start + size]


def size():
    chance = dice.random()
    if chance < 0.04:
        return dice.randint(10_000, 100_000)
    return min(int(dice.lognormvariate(7.4, 0.9)) + 40, 60_000)


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


count = package = 0
while count < wanted:
    team = f"{root}/packages/{words[package // 40]}"
    home = f"{team}/{words[package % 997]}-{package}"
    names = ["package.json", "README.md", "tsconfig.json", ".eslintrc.json", "src/index.ts"]
    for folder in ("src", "src/components", "src/model", "src/util", "test", "test/fixtures", "docs"):
        names += [f"{folder}/{dice.choice(words)}{number}.{'md' if folder == 'docs' else 'ts'}" for number in range(13)]
    names = names[: wanted - count]
    for name in names:
        write(f"{home}/{name}", part(size()))
    if package % 100 == 50:
        write(f"{home}/assets/image.bin", dice.randbytes(dice.randint(1_000_000, 4_000_000)))
        count += 1
    os.symlink("src/index.ts", f"{home}/index.ts")
    count += len(names)
    package += 1
