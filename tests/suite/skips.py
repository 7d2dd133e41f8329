"""No program of tests passes for a success where it skipped one: for each, ctest is told how a skip looks.

    skips.py CTEST BUILD-TREE
"""
import json
import pathlib
import re
import subprocess
import sys

SKIP = "[  SKIPPED ] Both/Stores.KeepUsersAcrossARestart/Postgres (0 ms)"
LOOKED_FOR = ("SKIP_REGULAR_EXPRESSION", "FAIL_REGULAR_EXPRESSION")


def shows_a_skip(test):
    return any(re.search(pattern, SKIP) for one in test.get("properties", []) if one["name"] in LOOKED_FOR
               for pattern in one["value"])


def main():
    ctest, tree = sys.argv[1:]
    listed = subprocess.run([ctest, "--test-dir", tree, "--show-only=json-v1"], check=True, capture_output=True)
    programs = [test for test in json.loads(listed.stdout)["tests"]
                if pathlib.Path(test.get("command", [""])[0]).name.endswith("_tests")]
    hidden = [test["name"] for test in programs if not shows_a_skip(test)]
    for name in hidden:
        print(f"{name} would pass with tests skipped inside it: give it a FAIL_REGULAR_EXPRESSION")
    print(f"{len(programs)} tests of programs: {len(hidden)} hide a skip")
    return 1 if hidden or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
