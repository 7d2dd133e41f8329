#!/usr/bin/env python3
"""Every include of one of our headers is named in the top CMakeLists.txt, and libraries stay in their layers.

Catches what the include roots cannot: relative paths into another layer, a header of a room that the file's own room
does not name, a library's header in a layer that has no business with it, a library's header in include/.
"""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
picture = (root / "CMakeLists.txt").read_text()
picture = re.sub(r"#.*", "", picture)

uses, rooms = {}, {}
for name, body in re.findall(r"stsfs_layer\(\s*(\w+)([^)]*)\)", picture):
    keywords = {"USES", "LIBS", "PUBLIC_LIBS", "ROOMS", "SOURCES", "ALONE"}
    current, uses[name], rooms[name] = None, set(), {}
    for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', body):
        if plain in keywords:
            current = plain
        elif current == "USES":
            uses[name].add(plain)
        elif current == "ROOMS":
            room, *below = (quoted or plain).split()
            rooms[name][room] = set(below)

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


def check(path, layer, room, public):
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
            problems.append(f"{where}: a relative path leaves its folder: {name}")
        elif match.group(1) == '"' and "/" in name and layer is not None:
            other = name.split("/")[0]
            if other != room and other not in rooms[layer].get(room, set()):
                problems.append(f"{where}: {room or 'the layer itself'} does not name {other} in CMakeLists.txt")
        elif match.group(1) == "<" and layer is not None:
            for pattern, layers in libraries.items():
                if re.match(pattern, name) and layer not in layers:
                    problems.append(f"{where}: {name} belongs to {', '.join(sorted(layers))}, not to {layer}")
            if public and "/" in name and not name.startswith("sys/") and not allowed_in_include.fullmatch(name):
                problems.append(f"{where}: a library's header in include/: {name}")


files_seen = 0
for tree, public in (("src", False), ("include/stsfs", True)):
    for path in sorted((root / tree).rglob("*")):
        if path.suffix not in (".cc", ".h"):
            continue
        parts = path.relative_to(root / tree).parts
        layer = parts[0] if len(parts) > 1 else None
        room = parts[1] if len(parts) > 2 else None
        if layer is not None and layer not in uses:
            problems.append(f"{path.relative_to(root)}: no layer {layer} in CMakeLists.txt")
            continue
        if room is not None and room not in rooms[layer]:
            problems.append(f"{path.relative_to(root)}: no room {room} of {layer} in CMakeLists.txt")
            continue
        files_seen += 1
        check(path, layer, room, public)

# A layer, and a room of one, is listed below those it uses, so that the picture reads from the bottom up and has no cycle.
for kind, picture_of in (("layer", uses), *((f"room of {name}", rooms[name]) for name in rooms)):
    order = list(picture_of)
    for name, below in picture_of.items():
        for other in below:
            if other not in picture_of:
                problems.append(f"CMakeLists.txt: {name} uses {other}, which is no {kind}")
            elif order.index(other) >= order.index(name):
                problems.append(f"CMakeLists.txt: {name} uses {other}, which is listed after it")

if files_seen == 0 or not uses:
    problems.append("found no layers: the check itself is broken")
print("\n".join(problems) if problems else f"{files_seen} files in {len(uses)} layers agree with CMakeLists.txt")
sys.exit(1 if problems else 0)
