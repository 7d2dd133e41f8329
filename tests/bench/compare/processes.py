"""Processes that are begun, watched and surely ended: daemons and what works on their mounts."""

import ctypes
import json
import os
import pathlib
import resource
import select
import signal
import subprocess
import sys
import time

_TICK = os.sysconf("SC_CLK_TCK")
_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Failed(Exception):
    """What goes into a FAIL cell."""


def adopt_orphans():
    """A daemon that forks itself into the background stays ours to find, measure and end."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _die_with_parent():
    os.setsid()
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def begin(command, log, environment=None):
    """Runs it in a session of its own; it is asked to end when we die."""
    with open(log, "ab") as out:
        return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out,
                                stderr=subprocess.STDOUT, env=environment, preexec_fn=_die_with_parent)


def run(command, seconds, environment=None, directory=None):
    """Its output; Failed with what it said unless it ends well in time."""
    try:
        done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=seconds, env=environment, cwd=directory, check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"{command[0]}: more than {seconds:.0f} s") from None
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise Failed(f"{command[0]}: {said[-1] if said else f'exit status {done.returncode}'}")
    return done.stdout


def _parents():
    """The parent of every process."""
    out = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                text = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            out[int(entry)] = int(text.rpartition(")")[2].split()[1])
    return out


def children_of(root):
    """Every process below `root`, without it."""
    parents = _parents()
    out, fresh = set(), {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - out
        out |= fresh
    return out


def _cpu_seconds(pid):
    fields = pathlib.Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / _TICK  # own and of children that have ended


class Gauge:
    """CPU seconds and peak memory of some processes, from here on."""

    def __init__(self, pids):
        self.pids = set(pids)
        self.before = self._cpu()
        for pid in self.pids:
            try:
                pathlib.Path("/proc", str(pid), "clear_refs").write_text("5")  # the peak begins anew
            except OSError:
                pass

    def _cpu(self):
        total = 0.0
        for pid in self.pids:
            try:
                total += _cpu_seconds(pid)
            except OSError:
                pass
        return total

    def cpu_seconds(self):
        return max(0.0, self._cpu() - self.before)

    def peak_mib(self):
        total = 0.0
        for pid in self.pids:
            try:
                for line in pathlib.Path("/proc", str(pid), "status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        total += int(line.split()[1]) / 1024
            except OSError:
                pass
        return total


def end(pids, seconds=10):
    """TERM, then KILL; returns when they are gone."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                pass
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            reap()
            if not any(os.path.exists(f"/proc/{pid}") for pid in pids):
                return
            time.sleep(0.02)


def reap():
    """Takes the exit status of adopted processes that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def in_a_child(work, seconds):
    """`work()` in a process of its own, as a mount that hangs would hang us: (what it returns, its wall seconds, its CPU
    seconds with those of its children). Failed when it raises or takes longer."""
    reading, writing = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.setsid()
        for sign in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sign, signal.SIG_DFL)
        answer = {}
        try:
            before = time.monotonic()
            answer["value"] = work()
            answer["seconds"] = time.monotonic() - before
        except Failed as failure:
            answer["failed"] = str(failure)
        except BaseException as error:  # pylint: disable=broad-except
            answer["failed"] = f"{type(error).__name__}: {error}"
        answer["cpu"] = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        os.write(writing, json.dumps(answer).encode())
        os._exit(0)
    os.close(writing)
    try:
        if not select.select([reading], [], [], seconds)[0]:
            raise Failed(f"more than {seconds:.0f} s")
        answer = json.loads(os.read(reading, 1 << 20) or b'{"failed": "it was killed"}')
    finally:
        os.close(reading)
        # What waits for a mount that hangs dies when the mount does; the caller ends that next.
        end({child} | children_of(child), 0.5)
    if "failed" in answer:
        raise Failed(answer["failed"])
    return answer["value"], answer["seconds"], answer["cpu"]
