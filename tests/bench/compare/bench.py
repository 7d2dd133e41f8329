"""Filesystems over one simulated OSS, side by side. Called by scripts/bench.sh, which says how."""

import argparse
import dataclasses
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import ceilings
import filesystems
import processes
import report
import server as servers
import workloads
from processes import Failed

PROFILES = {"raw": (0, 0), "wan": (20, 100_000_000)}


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="stsfs beside other filesystems over one simulated OSS: speed, requests, CPU and memory.",
        epilog="workloads: " + " ".join(workloads.WORKLOADS))
    add = parser.add_argument
    add("--fs", action="append", metavar="NAME", help="only these (repeat, or a list with commas): stsfs, stsfs-background, "
        "s3fs, rclone, curl, passthrough, and those of --peer")
    add("--profile", action="append", choices=sorted(PROFILES), help="only this one")
    add("--workload", action="append", metavar="NAME", help="only these (repeat, or a list with commas)")
    add("--peer", action="append", default=[], metavar="NAME=COMMAND",
        help="one more filesystem: a command that mounts, with {endpoint} {bucket} {prefix} {mountpoint} {cache} {passwd}")
    add("--stsfs-options", default="", metavar="LIST", help="more -o options for stsfs")
    add("--tsv", metavar="FILE", help="every row, as tab-separated values")
    add("--svg", metavar="FILE", help="the picture; bench.svg unless said otherwise", default="bench.svg")
    add("--repeat", type=int, default=1, metavar="N", help="so often; tables and picture show medians")
    add("--quick", action="store_const", dest="scale", const="quick", help="a sixteenth of the bytes, a tenth of the files")
    add("--tiny", action="store_const", dest="scale", const="tiny", help="only to see that all of it works")
    add("--limit", type=float, default=180, metavar="SECONDS", help="a step that takes longer has failed; 180")
    add("--keep-page-cache", action="store_true", help="do not drop the machine's page cache before a cold start "
        "(root only; what was mounted starts cold all the same)")
    add("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.set_defaults(scale="full")
    out = parser.parse_args()
    split = lambda words: [word for text in words for word in text.split(",")] if words else None
    out.fs, out.workload = split(out.fs), split(out.workload)
    unknown = set(out.workload or ()) - set(workloads.WORKLOADS)
    if unknown:
        parser.error(f"no such workload: {' '.join(sorted(unknown))}")
    for peer in out.peer:
        if "=" not in peer:
            parser.error("--peer takes NAME=COMMAND")
    return out


class Bench:
    def __init__(self, options, place, memory):
        self.options, self.place, self.memory = options, place, memory
        self.rows = []
        self.played = 0

    def run(self):
        simulator = servers.Simulator(self.options.programs / "stsfs-sim", self.place)
        try:
            players = self.filesystems(simulator)
            for profile in self.options.profile or PROFILES:
                sizes = workloads.Sizes.at(self.options.scale, profile == "wan")
                for name in self.options.workload or workloads.WORKLOADS:
                    for _ in range(self.options.repeat):
                        self.ceilings(simulator, profile, name, sizes)
                        for player in players:
                            if profile == "raw" or player.server is simulator:
                                self.play(player, profile, name, sizes)
        finally:
            simulator.end()

    # --- who plays ---

    def wants(self, name):
        return self.options.fs is None or name in self.options.fs

    def filesystems(self, simulator):
        programs, home = self.options.programs, lambda name: self.place / name
        directory = servers.Directory(self.memory / "behind")
        all_of_them = [
            filesystems.Stsfs(simulator, home("stsfs"), programs / "stsfs", "close", self.options.stsfs_options),
            filesystems.Stsfs(simulator, home("background"), programs / "stsfs", "background", self.options.stsfs_options),
            filesystems.S3fs(simulator, home("s3fs")),
            filesystems.Rclone(simulator, home("rclone")),
            *(filesystems.ByCommand(simulator, home(f"peer{number}"), *peer.split("=", 1))
              for number, peer in enumerate(self.options.peer)),
            filesystems.PassThrough(directory, home("passthrough"), programs / "passthrough"),
        ]
        unknown = set(self.options.fs or ()) - {player.name for player in all_of_them} - {"curl"}
        if unknown:
            raise SystemExit(f"no such filesystem: {' '.join(sorted(unknown))}")
        out = []
        for player in all_of_them:
            if not self.wants(player.name):
                continue
            player.forget()
            if why := player.missing():
                print(f"without {player.name}: {why}", file=sys.stderr)
            else:
                out.append(player)
        return out

    # --- one workload on one filesystem ---

    def stage(self, server, name, sizes):
        """A prefix and a scratch directory that nobody used before."""
        self.played += 1
        scratch = self.memory / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return workloads.Stage(server, f"{name}{self.played}", sizes, self.memory / "sources", scratch)

    def play(self, player, profile, name, sizes):
        stage = self.stage(player.server, name, sizes)
        player.server.set_profile(0, 0)
        player.server.make_folder(stage.prefix)
        steps = workloads.WORKLOADS[name](stage)
        mounted = None
        try:
            self.cool(player)
            player.server.set_profile(*PROFILES[profile])
            for number, step in enumerate(steps):
                try:
                    if step.remount and mounted:
                        mounted.end()
                        mounted = None
                    mounted = mounted or player.mount(stage.prefix)
                    self.measure(player, mounted, profile, step)
                except (Failed, OSError) as failure:
                    for lost in steps[number:]:
                        self.add(report.Row(profile, player.name, lost.row, unit_of(lost), why=str(failure)))
                    break
        finally:
            if mounted:
                mounted.end()
            player.server.set_profile(0, 0)
            player.server.remove(stage.prefix)

    def cool(self, player):
        player.forget()
        if os.geteuid() == 0 and not self.options.keep_page_cache:
            pathlib.Path("/proc/sys/vm/drop_caches").write_text("1")

    def measure(self, player, mounted, profile, step):
        server = player.server
        server.forget_counts()
        gauge = processes.Gauge(mounted.pids)
        began = time.time()
        told, seconds, program_cpu = processes.in_a_child(lambda: step.run(mounted.point), self.options.limit)
        seen = stored = seconds if told is None else told
        if step.writes and not player.stored_at_close:
            stored = max(seen, self.last_change(server, began))
        problem = step.check()
        while problem and step.writes and time.time() - began < self.options.limit:
            stored = max(seen, self.last_change(server, began))
            if (again := step.check()) == problem:
                break
            problem = again
        if problem:
            raise Failed(problem)
        kinds, bytes_up, bytes_down = server.counts()
        row = report.Row(profile, player.name, step.row, unit_of(step), value_of(step, stored), stored, kinds, bytes_up,
                         bytes_down, gauge.cpu_seconds(), gauge.peak_mib(), program_cpu)
        if step.after:
            processes.in_a_child(lambda: step.after(mounted.point), self.options.limit)
        self.add(row)
        if step.writes and not player.stored_at_close:
            self.add(dataclasses.replace(row, workload=f"{step.row}:seen", value=value_of(step, seen), seconds=seen))

    def last_change(self, server, began):
        """Waits until the server has been asked nothing for a while; the seconds from `began` to the last change."""
        number, changed, quiet_since = 0, began, time.time()
        while time.time() - quiet_since < filesystems.QUIET_SECONDS and time.time() - began < self.options.limit:
            time.sleep(0.1)
            latest, at = server.changes_since(number)
            if latest != number:
                number, quiet_since = latest, time.time()
            changed = max(changed, at or 0)
        return changed - began

    # --- the ceilings ---

    def ceilings(self, simulator, profile, name, sizes):
        """curl on the objects of the sequential workloads, with 1 and with 8 connections."""
        if name not in ("seqread", "seqwrite") or not self.wants("curl"):
            return
        size = sizes.large
        stage = self.stage(simulator, name, sizes)
        for connections in (1, 8):
            simulator.set_profile(0, 0)
            parts = [stage.file(f"part{number}", size // connections) for number in range(connections)]
            if name == "seqread":
                stage.seed("large", stage.file("large", size))
            simulator.set_profile(*PROFILES[profile])
            simulator.forget_counts()
            row = report.Row(profile, f"curl-{connections}", "seqread_cold" if name == "seqread" else name, "MB/s")
            try:
                began = time.monotonic()
                if name == "seqread":
                    ceilings.get(simulator, f"{stage.prefix}/large", size, connections)
                    written = {}
                else:
                    written = ceilings.put(simulator, stage.prefix, parts)
                row.seconds = time.monotonic() - began
                row.kinds, row.bytes_up, row.bytes_down = simulator.counts()
                for key, part in written.items():
                    if problem := simulator.differs(key, part):
                        raise Failed(problem)
                row.value = size / 1e6 / row.seconds
            except (Failed, OSError) as failure:
                row.why = str(failure)
            self.add(row)
            simulator.set_profile(0, 0)
            simulator.remove(stage.prefix)

    def add(self, row):
        self.rows.append(row)
        print(report.line(row), flush=True)

    def publish(self):
        if not self.rows:
            return
        print("\n" + report.tables(self.rows))
        if self.options.tsv:
            report.write_tsv(self.rows, self.options.tsv)
        report.write_picture(self.rows, self.options.svg)
        print(f"\nThe picture: {self.options.svg}")


def unit_of(step):
    return "MB/s" if step.amount else "s"


def value_of(step, seconds):
    return step.amount / 1e6 / seconds if step.amount else seconds


def ended_by_signal(number, _):
    signal.signal(number, signal.SIG_IGN)  # the cleaning up is not interrupted
    raise SystemExit(128 + number)


def main():
    options = arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, ended_by_signal)
    processes.adopt_orphans()
    place = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-bench-"))
    memory = pathlib.Path(tempfile.mkdtemp(prefix="stsfs-bench-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
    bench = Bench(options, place, memory)
    try:
        bench.run()
    finally:
        processes.end(processes.children_of(os.getpid()))
        for folder in (place, memory):
            if not any(os.path.ismount(point) for point in folder.glob("*/mnt")):
                shutil.rmtree(folder, ignore_errors=True)
        bench.publish()
    return 1 if any(row.value is None and row.filesystem.startswith("stsfs") for row in bench.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
