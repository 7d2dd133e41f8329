"""Results as lines, as a table, as TSV and as a picture."""

import dataclasses
import statistics
from typing import Optional
from xml.sax.saxutils import escape

COLUMNS = ("profile", "filesystem", "workload", "value", "unit", "seconds", "requests", "request kinds", "bytes up",
           "bytes down", "cpu_s", "rss_mib")


@dataclasses.dataclass
class Row:
    profile: str
    filesystem: str
    workload: str
    unit: str
    value: Optional[float] = None  # None: FAIL
    seconds: Optional[float] = None
    kinds: dict = dataclasses.field(default_factory=dict)
    bytes_up: int = 0
    bytes_down: int = 0
    cpu_seconds: float = 0.0
    rss_mib: float = 0.0
    program_cpu_seconds: float = 0.0  # of what worked on the mount
    why: str = ""  # it failed

    def fields(self):
        if self.value is None:
            return (self.profile, self.filesystem, self.workload, "FAIL", self.unit, "", "", "", "", "", "", "")
        kinds = " ".join(f"{kind}:{count}" for kind, count in sorted(self.kinds.items()))
        return (self.profile, self.filesystem, self.workload, figure(self.value), self.unit, f"{self.seconds:.4f}",
                str(sum(self.kinds.values())), kinds, str(self.bytes_up), str(self.bytes_down),
                f"{self.cpu_seconds:.2f}", f"{self.rss_mib:.1f}")


def figure(value):
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 1 else f"{value:.4f}"


def line(row):
    """One result, as it is known."""
    start = f"{row.profile:4} {row.filesystem:17} {row.workload:22}"
    if row.value is None:
        return f"{start} FAIL  {row.why}"
    kinds = " ".join(f"{kind}:{count}" for kind, count in sorted(row.kinds.items()))
    return (f"{start} {figure(row.value):>7} {row.unit:4} {sum(row.kinds.values()):6} requests"
            f" {row.bytes_up / 1e6:7.1f} MB up {row.bytes_down / 1e6:7.1f} MB down"
            f"  daemon {row.cpu_seconds:.2f} s, {row.rss_mib:.0f} MiB; program {row.program_cpu_seconds:.2f} s  {kinds}")


def write_tsv(rows, path):
    with open(path, "w", encoding="utf-8") as out:
        for fields in (COLUMNS, *(row.fields() for row in rows)):
            out.write("\t".join(fields) + "\n")


# --- one profile as a grid ---


def ordered(values):
    return list(dict.fromkeys(values))


class Grid:
    """The rows of one profile: workloads down, filesystems across; a cell holds the runs of one."""

    def __init__(self, rows, profile):
        here = [row for row in rows if row.profile == profile]
        self.profile = profile
        self.workloads = ordered(row.workload for row in here)
        self.filesystems = ordered(row.filesystem for row in here)
        self.cells = {}
        self.units = {}
        for row in here:
            self.cells.setdefault((row.workload, row.filesystem), []).append(row)
            self.units[row.workload] = row.unit

    def runs(self, workload, filesystem):
        return self.cells.get((workload, filesystem), [])

    def failed(self, workload, filesystem):
        return any(row.value is None for row in self.runs(workload, filesystem))

    def median(self, workload, filesystem, of=lambda row: row.value):
        runs = self.runs(workload, filesystem)
        if not runs or self.failed(workload, filesystem):
            return None
        return statistics.median(of(row) for row in runs)

    def goodness(self, workload):
        """Of each filesystem, 1 for the best and less for others."""
        values = {name: self.median(workload, name) for name in self.filesystems}
        values = {name: value for name, value in values.items() if value}
        more_is_better = self.units[workload] == "MB/s"
        best = (max if more_is_better else min)(values.values(), default=1)
        return {name: value / best if more_is_better else best / value for name, value in values.items()}


def tables(rows):
    """Every profile: the values, the requests with the bytes moved, the daemon's CPU and memory."""
    parts = []
    for profile in ordered(row.profile for row in rows):
        grid = Grid(rows, profile)
        parts.append(_table(grid, f"{profile}: MB/s (more is better) or seconds (less is better)", _value_cell))
        parts.append(_table(grid, f"{profile}: requests / MB up / MB down", _traffic_cell))
        parts.append(_table(grid, f"{profile}: CPU seconds of the daemon + of the program / peak MiB of the daemon", _cost_cell))
    failures = ordered((row.profile, row.filesystem, row.workload, row.why) for row in rows if row.value is None)
    if failures:
        parts.append("What failed:\n" + "\n".join(f"  {a} {b} {c}: {why}" for a, b, c, why in failures))
    return "\n\n".join(parts)


def _value_cell(grid, workload, filesystem):
    return figure(grid.median(workload, filesystem))


def _traffic_cell(grid, workload, filesystem):
    requests = grid.median(workload, filesystem, lambda row: sum(row.kinds.values()))
    up = grid.median(workload, filesystem, lambda row: row.bytes_up) / 1e6
    down = grid.median(workload, filesystem, lambda row: row.bytes_down) / 1e6
    return f"{requests:.0f} / {up:.0f} / {down:.0f}"


def _cost_cell(grid, workload, filesystem):
    daemon = grid.median(workload, filesystem, lambda row: row.cpu_seconds)
    program = grid.median(workload, filesystem, lambda row: row.program_cpu_seconds)
    return f"{daemon:.2f}+{program:.2f} / {grid.median(workload, filesystem, lambda row: row.rss_mib):.0f}"


def _table(grid, title, cell):
    lines = [["workload", "unit", *grid.filesystems]]
    for workload in grid.workloads:
        if workload.endswith(":seen") and cell is not _value_cell:
            continue  # the same requests once more
        cells = ["FAIL" if grid.failed(workload, name) else cell(grid, workload, name) if grid.runs(workload, name) else ""
                 for name in grid.filesystems]
        lines.append([workload, grid.units[workload], *cells])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join(word.ljust(width) if column < 2 else word.rjust(width)
                      for column, (word, width) in enumerate(zip(line, widths))).rstrip() for line in lines]
    return "\n".join([title, text[0], "-" * len(text[0]), *text[1:]])


# --- the picture ---

_COLOURS = ("#0b6e4f", "#5aa77f", "#c8553d", "#3f6fb5", "#8a6bb1", "#b58900", "#666666", "#999999", "#bbbbbb")
_LEFT, _BAR, _RIGHT, _HIGH, _GAP, _TOP = 190, 300, 110, 13, 12, 64


def write_picture(rows, path):
    """A column of bars for each profile; the longest bar of a workload is the best, the figure stands behind it."""
    grids = [Grid(rows, profile) for profile in ordered(row.profile for row in rows)]
    filesystems = ordered(name for grid in grids for name in grid.filesystems)
    colour = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(filesystems)}
    bodies, high = [], 0
    for column, grid in enumerate(grids):
        body, bottom = _column(grid, colour, column * (_LEFT + _BAR + _RIGHT))
        bodies += body
        high = max(high, bottom)
    wide = max(len(grids) * (_LEFT + _BAR + _RIGHT), 60 + 120 * len(filesystems))
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
            ' font-family="sans-serif" font-size="11">', '<rect width="100%" height="100%" fill="white"/>']
    for number, name in enumerate(filesystems):
        at = 14 + 120 * number
        head.append(f'<rect x="{at}" y="12" width="11" height="11" fill="{colour[name]}"/>'
                    f'<text x="{at + 16}" y="22">{escape(name)}</text>')
    with open(path, "w", encoding="utf-8") as out:
        out.write("\n".join([*head, *bodies, "</svg>", ""]))


def _column(grid, colour, left):
    """The bars of one profile, and where they end."""
    out = [f'<text x="{left + 14}" y="48" font-size="14" font-weight="bold">{escape(grid.profile)}: longer is better</text>']
    at = _TOP
    for workload in grid.workloads:
        good = grid.goodness(workload)
        out.append(f'<text x="{left + _LEFT - 8}" y="{at + 10}" text-anchor="end">{escape(workload)}</text>')
        for name in grid.filesystems:
            if not grid.runs(workload, name):
                continue
            if name in good:
                wide = max(1.0, _BAR * good[name])
                out.append(f'<rect x="{left + _LEFT}" y="{at}" width="{wide:.1f}" height="{_HIGH - 2}" fill="{colour[name]}"/>')
                said = f"{figure(grid.median(workload, name))} {grid.units[workload]}"
            else:
                wide, said = 0, "FAIL"
            out.append(f'<text x="{left + _LEFT + wide + 5:.1f}" y="{at + 10}">{said}</text>')
            at += _HIGH
        at += _GAP
    return out, at
