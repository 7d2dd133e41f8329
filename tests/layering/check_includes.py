#!/usr/bin/env python3
"""Every include of one of our headers is named in the top CMakeLists.txt, and libraries stay in their rooms.

Catches what the include roots cannot: relative paths into another layer, a library's header in a layer that
has no business with it, a library's header in include/.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
picture = (root / "CMakeLists.txt").read_text()
picture = re.sub(r"#.*", "", picture)

uses = {}
for name, body in re.findall(r"stsfs_layer\(\s*(\w+)([^)]*)\)", picture):
    words = re.split(r"\s+", body.strip())
    keywords = {"USES", "LIBS", "PUBLIC_LIBS", "SOURCES", "ALONE"}
    current, found = None, []
    for word in words:
        if word in keywords:
            current = word
        elif current == "USES":
            found.append(word)
    uses[name] = set(found)

# Which layers may include a header that matches; everything not listed is free (the standard library, POSIX).
libraries = {
    r"curl/": {"http"},
    r"openssl/": {"sign"},
    r"fuse": {"fuse"},
    r"pugixml": {"oss", "sim"},
    r"microhttpd": {"control", "vend", "sim"},
    r"SQLiteCpp|sqlite3": {"cache", "staging", "vend"},
    r"sodium": {"vend"},
    r"gnutls/|libpq": {"vend"},
    r"nlohmann/": {"credentials", "control", "sign", "sts", "vend", "sim", "daemon"},
    r"spdlog/": {"base"},
    r"isa-l": {"base"},
    r"keyutils": {"credentials"},
    r"CLI/": {"daemon", "vend", "sim"},
    r"toml": {"daemon", "vend", "sim"},
}
allowed_in_include = re.compile(r"tl/expected\.hpp|fmt/core\.h")

problems = []


def check(path, layer, public):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(2)
        where = f"{path.relative_to(root)}:{number}"
        ours = re.match(r"stsfs/(\w+)/", name)
        if ours:
            other = ours.group(1)
            if layer is not None and other != layer and other not in uses.get(layer, set()):
                problems.append(f"{where}: layer {layer} does not name {other} in CMakeLists.txt")
        elif ".." in name:
            problems.append(f"{where}: a relative path leaves its room: {name}")
        elif match.group(1) == "<" and layer is not None:
            for pattern, rooms in libraries.items():
                if re.match(pattern, name) and layer not in rooms:
                    problems.append(f"{where}: {name} belongs to {', '.join(sorted(rooms))}, not to {layer}")
            if public and "/" in name and not name.startswith("sys/") and not allowed_in_include.fullmatch(name):
                problems.append(f"{where}: a library's header in include/: {name}")


layers_seen = 0
for tree, public in (("src", False), ("include/stsfs", True)):
    for path in sorted((root / tree).rglob("*")):
        if path.suffix not in (".cc", ".h"):
            continue
        parts = path.relative_to(root / tree).parts
        layer = parts[0] if len(parts) > 1 else None
        if layer is not None and layer not in uses:
            problems.append(f"{path.relative_to(root)}: no layer {layer} in CMakeLists.txt")
            continue
        layers_seen += 1
        check(path, layer, public)

# A layer is listed below those it uses, so that the picture reads from the bottom up and has no cycle.
order = list(uses)
for name, below in uses.items():
    for other in below:
        if other not in uses:
            problems.append(f"CMakeLists.txt: {name} uses {other}, which is no layer")
        elif order.index(other) >= order.index(name):
            problems.append(f"CMakeLists.txt: {name} uses {other}, which stands above it")

if layers_seen == 0 or not uses:
    problems.append("found no layers: the check itself is broken")
print("\n".join(problems) if problems else f"{layers_seen} files in {len(uses)} layers agree with CMakeLists.txt")
sys.exit(1 if problems else 0)
