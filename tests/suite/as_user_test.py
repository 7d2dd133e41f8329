"""scripts/test.sh by somebody who is not root: sudo is asked before anything is built, and runs the tests and nothing else."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
TOOLS = ("bash", "cat", "dirname", "env", "grep", "id", "mkdir", "nproc", "paste", "rm", "sed", "sleep", "true", "python3")
NOTE = '#!/usr/bin/env bash\necho "{}" >> "$NOTES"\n'


class AsUserTest(unittest.TestCase):
    def run_script(self, sudo, outcome=0):
        """`sudo`: a script that takes its place, or None. Returns the exit code, what was said, and what was called."""
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            for name in ("scripts", "tests/suite", "bin"):
                (place / name).mkdir(parents=True)
            shutil.copy(ROOT / "scripts/test.sh", place / "scripts")
            programs = {"scripts/setup.sh": NOTE.format("setup"), "bin/cmake": NOTE.format("cmake $1"), "bin/sudo": sudo,
                        "bin/chown": NOTE.format("chown $1 $3"),
                        "tests/suite/run.py": "import os, sys\nprint('run', sys.argv[1:], os.environ['TSAN_OPTIONS'] != '',"
                                              " file=open(os.environ['NOTES'], 'a'))\n" + f"sys.exit({outcome})\n"}
            for name, text in programs.items():
                if text is not None:
                    (place / name).write_text(text)
                    (place / name).chmod(0o755)
            for tool in TOOLS:
                (place / "bin" / tool).symlink_to(shutil.which(tool, path="/usr/bin:/bin"))
            notes = place / "notes"
            notes.touch()
            for path in (place, *place.rglob("*")):
                os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            done = subprocess.run(["bash", place / "scripts/test.sh", "-R", "x"], text=True, user=NOBODY, group=NOBODY,
                                  extra_groups=[], env={"PATH": str(place / "bin"), "NOTES": str(notes)}, cwd=place,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            return done.returncode, done.stdout, notes.read_text().replace(str(place), "PLACE").splitlines()

    # Notes what it is called with, and does it as who called.
    SUDO = NOTE.format("sudo $*") + 'while [[ $1 == -* ]]; do shift; done\nexec "$@"\n'

    def test_sudo_is_asked_first_and_runs_the_tests_and_the_tree_is_given_back(self):
        for outcome in (0, 8):
            code, said, calls = self.run_script(self.SUDO, outcome)
            self.assertEqual(code, outcome, said)
            self.assertEqual(calls[:2], ["sudo true", "setup"])
            at = next(number for number, call in enumerate(calls) if "run.py" in call)
            self.assertEqual(set(calls[2:at]), {"cmake --preset", "cmake --build"})
            self.assertRegex(calls[at], r"^sudo --preserve-env=\S*TSAN_OPTIONS\S* env PATH=PLACE/bin python3 tests/suite/run.py "
                                        r"build/suite build/release/fault-matrix.txt -j \d+ -R x$")
            self.assertRegex(calls[at + 1], r"^run \[.*\'-R\', \'x\'\] True$")
            self.assertEqual(calls[at + 2:], [f"sudo chown -hR {NOBODY}:{NOBODY} build", "chown -hR build"])

    def test_without_sudo_it_says_so_before_anything_is_done(self):
        code, said, calls = self.run_script(None)
        self.assertEqual((code, calls), (1, []), said)
        self.assertRegex(said, r"^test: the tests need root, and there is no sudo: they mount for other users")

    def test_where_sudo_refuses_nothing_is_done(self):
        code, said, calls = self.run_script(NOTE.format("sudo $*") + "exit 1\n")
        self.assertEqual((code, calls), (1, ["sudo true"]), said)
        self.assertIn("test: sudo refused", said)


if __name__ == "__main__":
    unittest.main()
