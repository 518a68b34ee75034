"""Writes a CycloneDX document of the packages that are installed in the directory `$1`."""

import json
import sys
from importlib.metadata import distributions

packages = sorted((package.name, package.version) for package in distributions(path=[sys.argv[1]]))
components = [
    {"type": "library", "name": name, "version": version, "purl": f"pkg:pypi/{name.lower()}@{version}"}
    for name, version in packages
]
print(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}, indent=2))
