"""Prints the main class of the jar `$1`, out of its manifest."""

import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as jar:
    manifest = jar.read("META-INF/MANIFEST.MF").decode()
# A long line goes on in the next one, after a space.
lines = manifest.replace("\r\n", "\n").replace("\n ", "").splitlines()
classes = [line.removeprefix("Main-Class: ") for line in lines if line.startswith("Main-Class: ")]
if not classes:
    sys.exit(f"the manifest of {sys.argv[1]} has no Main-Class: see mainClass of maven-jar-plugin")
print(classes[0])
