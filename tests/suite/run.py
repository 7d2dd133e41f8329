"""Runs the tests of one or more build trees as one, and says what counts.

    run.py DIRECTORY MATRIX [OPTION-OF-CTEST…]

DIRECTORY holds the CTestTestfile.cmake of all of them; what ctest says is kept there in ctest.log. MATRIX is the table of
faults that a test leaves, shown when it is there: of what passes nothing else is.

A test that was skipped or not run counts as failed. A scenario that missed a bound in real time, and nothing else
(tests/e2e/bounds.py), is run once more, alone, when nothing failed for good. What is written there is searched for the secrets
that tests have in their sources. Ends with ctest's summary.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "e2e"))
from bounds import TOO_SLOW  # noqa: E402

SCENARIO = "EndToEnd."
SKIP = re.compile(r"\*\*\*(Skipped|Not Run)|\(Disabled\)")
SUMMARY = re.compile(r"\d+% tests passed")
MOST_SAID = str(16 << 20)  # bytes of one test's output that are kept: all of it, but of one that has gone mad
SOURCES = (".cc", ".h", ".mjs", ".py")


class Run:
    """One of ctest. It shows all but the summary, which `finish` does."""

    def __init__(self, directory, log, options):
        self.directory, self.skipped, self.summary = directory, [], []
        self.failures = directory / "Testing/Temporary/LastTestsFailed.log"
        if "--rerun-failed" not in options:
            self.failures.unlink(missing_ok=True)
        command = ["ctest", "--test-dir", str(directory), "--output-on-failure", "--test-output-size-passed", MOST_SAID,
                   "--test-output-size-failed", MOST_SAID, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        for line in self.process.stdout:
            log.write(line)
            if SKIP.search(line):
                self.skipped.append(line)
            if self.summary or SUMMARY.match(line):
                self.summary.append(line)
            else:
                print(line, end="", flush=True)
        self.code = self.process.wait()

    def finish(self):
        print(*self.summary, sep="", end="", flush=True)

    def failed(self):
        if not self.failures.exists():
            return []
        return [line.split(":", 1)[1] for line in self.failures.read_text().splitlines() if ":" in line]

    def said(self):
        """What each test said, by its name."""
        log = (self.directory / "Testing/Temporary/LastTest.log").read_text(errors="replace")
        begins = [*re.finditer(r"^\d+/\d+ Testing: (.*)$", log, re.M)]
        ends = [begin.start() for begin in begins[1:]] + [len(log)]
        return {begin.group(1): text_of(log[begin.end():end]) for begin, end in zip(begins, ends)}


def text_of(block):
    _, _, text = block.partition("\nOutput:\n" + "-" * 58 + "\n")
    return text.rpartition("<end of output>")[0]


def too_slow(run):
    """The scenarios that missed a bound in real time and nothing else: their last line says so."""
    said = run.said()
    lines = {name: said.get(name, "").strip().splitlines()[-1:] for name in run.failed() if name.startswith(SCENARIO)}
    return [name for name, last in lines.items() if last and last[0].startswith(TOO_SLOW)]


def fixed_secrets():
    """Those that tests plant are called so."""
    literal = re.compile(r'"(canary(?:[^"\\\n]|\\.)*)"')
    found = [re.sub(r"\\(.)", r"\1", text) for path in sorted(TESTS.rglob("*")) if path.suffix in SOURCES
             for text in literal.findall(path.read_text(errors="replace"))]
    return list(dict.fromkeys(found))


def search(directory):
    """False when what the tests said holds one of them: what runs in one process with its test is searched by nobody else."""
    with tempfile.NamedTemporaryFile("w") as secrets:  # 0600
        secrets.write("\n".join(fixed_secrets()) + "\n")
        secrets.flush()
        places = [directory / "ctest.log", *directory.glob("Testing/Temporary/LastTest*.log")]
        done = subprocess.run([sys.executable, "-B", str(TESTS / "canary/scan.py"), secrets.name, *map(str, places)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print("secrets of the tests, in what they said:", done.stdout.strip())
    return done.returncode == 0


def run_all(directory, log, options):
    """The run that decides, whether all of it holds, and which tests were run once more for that."""
    run = Run(directory, log, options)
    slow, failed = too_slow(run), run.failed()
    if not slow or run.skipped or len(slow) < len(failed):
        return run, run.code == 0 and not run.skipped, []
    run.finish()
    # Its successor takes its place.
    (directory / "Testing/Temporary/LastTest.log").replace(directory / "Testing/Temporary/LastTest.1.log")
    print(f"\n== too slow beside other tests, their output is above; once more, alone: {' '.join(slow)}", flush=True)
    again = Run(directory, log, ["-j", "1", "--rerun-failed"])
    return again, again.code == 0 and not again.skipped, slow


def main():
    directory, matrix, *options = sys.argv[1:]
    directory, matrix = pathlib.Path(directory), pathlib.Path(matrix)
    matrix.unlink(missing_ok=True)
    for old in directory.glob("Testing/Temporary/LastTest*.log"):
        old.unlink()
    with open(directory / "ctest.log", "w") as log:
        run, good, repeated = run_all(directory, log, options)
    clean = search(directory)
    if matrix.exists():
        print(f"\nFaults of credentials, each through a mount under load:\n\n{matrix.read_text()}")
    if repeated:
        print(f"Too slow beside other tests, and so run once more, alone, as the summary says: {' '.join(repeated)}\n")
    if run.skipped:
        print("tests were skipped, which counts as failed:", *run.skipped, sep="\n", end="")
    run.finish()
    return 0 if good and clean else max(run.code, 1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # ctest has had it, too
        os._exit(130)
