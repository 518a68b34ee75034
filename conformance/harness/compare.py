"""Comparing what was recorded with what a run gave."""
import difflib
import fnmatch
import json
import tomllib

ALWAYS_ADVISORY = "*advisory.json"
OPPOSITE = " (one fails, the other does not)"


def typed(value):
    """A value in which 1, 1.0 and true are different."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [typed(item) for item in value]
    return type(value).__name__, value


def entry_name(entry):
    """The dependency an entry of plan.toml, or of the plan a buildpack gets, is about."""
    return entry.get("name") or (entry.get("requires") or [{}])[0].get("name", "")


def parse(name, text):
    """TOML and JSON as values; everything else as text."""
    try:
        if name.endswith(".json"):
            return typed(json.loads(text))
        if name.endswith(".toml"):
            value = tomllib.loads(text)
            if name.endswith("plan.toml"):  # the reference writes the entries in random order
                value.get("entries", []).sort(key=entry_name)
            return typed(value)
    except (ValueError, TypeError):
        pass
    return text


def succeeded(codes):
    return codes.endswith(" 0\n")


def compare(expected, actual):
    """-> [(file, 'missing' | 'unexpected' | 'differs', diff lines)]."""
    found = []
    for name in sorted(set(expected) | set(actual)):
        if name not in actual:
            found.append((name, "missing", []))
        elif name not in expected:
            found.append((name, "unexpected", []))
        elif parse(name, expected[name]) != parse(name, actual[name]):
            diff = difflib.unified_diff(expected[name].splitlines(), actual[name].splitlines(),
                                        "expected", "actual", lineterm="", n=1)
            opposite = name.endswith("exit-code") and succeeded(expected[name]) != succeeded(actual[name])
            found.append((name + OPPOSITE * opposite, "differs", list(diff)))
    return found


def is_advisory(name, patterns, always=(ALWAYS_ADVISORY,)):
    """Whether a difference in this file may be deliberate. A pattern allows another outcome
    (failure for success or the reverse) only with a final `!`."""
    if name.endswith(OPPOSITE):
        name = name.removesuffix(OPPOSITE)
        patterns = [pattern for pattern in patterns if pattern.endswith("!")]
    return any(fnmatch.fnmatch(name, pattern.rstrip("!")) for pattern in (*always, *patterns))
