"""run.py repeats what was too slow and nothing else, and forgets nothing: over ctest and small tests of its own."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import run  # noqa: E402

SLOW = 'import bounds; bounds.wait_until(lambda: False, 0, "the\\nend")'
WRONG = 'import bounds; raise AssertionError("a byte differs")'
GOOD = "print('well')"
SKIPPED = "import sys; sys.exit(77)"


class RunTest(unittest.TestCase):
    def run_suite(self, **tests):
        """`tests`: by the name, what Python each runs, the first time, the second time, …. Returns the exit code, what was
        said, and how often each was run."""
        with tempfile.TemporaryDirectory() as place:
            place = pathlib.Path(place)
            lines = []
            for name, programs in tests.items():
                name = name.replace("__", ".")
                for number, program in enumerate(programs):
                    (place / f"{name}.{number}.py").write_text(program)
                once = f"n=$(cat {name}.runs 2>/dev/null || echo 0); echo $((n+1)) > {name}.runs; exec python3 -B {name}.$n.py"
                lines += [f"add_test({name} [=[/bin/sh]=] [=[-c]=] [=[{once}]=])",
                          f"set_tests_properties({name} PROPERTIES WORKING_DIRECTORY {place} SKIP_RETURN_CODE 77"
                          f" ENVIRONMENT PYTHONPATH={HERE.parent / 'e2e'})"]
            (place / "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
            done = subprocess.run([sys.executable, "-B", HERE / "run.py", place, place / "matrix", "-j", "4"], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            runs = {name: int((place / f"{name.replace('__', '.')}.runs").read_text()) for name in tests}
            return done.returncode, done.stdout, runs

    def test_all_that_holds_is_run_once(self):
        code, said, runs = self.run_suite(EndToEnd__one=[GOOD], Other=[GOOD])
        self.assertEqual((code, runs), (0, {"EndToEnd__one": 1, "Other": 1}), said)
        self.assertRegex(said, r"(?s)no secret in 2 files.*100% tests passed, 0 tests failed out of 2\n\nTotal Test time[^\n]*\n\Z")

    def test_what_was_too_slow_is_run_once_more_and_named_before_the_summary(self):
        code, said, runs = self.run_suite(EndToEnd__one=[SLOW, GOOD], EndToEnd__two=[GOOD], Other=[GOOD])
        self.assertEqual((code, runs), (0, {"EndToEnd__one": 2, "EndToEnd__two": 1, "Other": 1}), said)
        self.assertIn("TOO SLOW: waited 0 s for: the end\n", said)
        self.assertRegex(said, r"\nToo slow beside other tests, and so run once more, alone, as the summary says: EndToEnd.one\n\n"
                               r"100% tests passed, 0 tests failed out of 1\n")

    def test_what_is_too_slow_alone_fails(self):
        code, said, runs = self.run_suite(EndToEnd__one=[SLOW, SLOW, GOOD])
        self.assertNotEqual(code, 0, said)
        self.assertEqual(runs, {"EndToEnd__one": 2}, said)

    def test_what_is_wrong_fails_for_good(self):
        for first in (WRONG, "import os; os.kill(os.getpid(), 9)", "import sys; sys.exit(75)",
                      "import bounds; print(bounds.TOO_SLOW, flush=True); raise OSError('and more')"):
            with self.subTest(first):
                code, said, runs = self.run_suite(EndToEnd__one=[first, GOOD])
                self.assertNotEqual(code, 0, said)
                self.assertEqual(runs, {"EndToEnd__one": 1}, said)

    def test_what_goes_wrong_behind_what_was_too_slow_is_not_forgotten(self):
        in_the_end = ("import bounds\ntry:\n  bounds.in_time(False, 'late')\nfinally:\n"
                      "  raise AssertionError('secrets were written')")
        code, said, runs = self.run_suite(EndToEnd__one=[in_the_end, GOOD])
        self.assertNotEqual(code, 0, said)
        self.assertEqual(runs, {"EndToEnd__one": 1}, said)

    def test_nothing_is_run_again_where_something_failed_for_good(self):
        for other in ("EndToEnd__two", "Other"):
            code, said, runs = self.run_suite(**{"EndToEnd__one": [SLOW, GOOD], other: [WRONG, GOOD]})
            self.assertNotEqual(code, 0, said)
            self.assertEqual(runs, {"EndToEnd__one": 1, other: 1}, said)

    def test_only_scenarios_have_bounds_in_real_time(self):
        code, said, runs = self.run_suite(Other=[SLOW, GOOD])
        self.assertNotEqual(code, 0, said)
        self.assertEqual(runs, {"Other": 1}, said)

    def test_a_skip_fails_in_the_first_run_and_in_the_repeat(self):
        for programs in ([SKIPPED], [SLOW, SKIPPED]):
            code, said, runs = self.run_suite(EndToEnd__one=programs)
            self.assertNotEqual(code, 0, said)
            self.assertEqual(runs, {"EndToEnd__one": len(programs)}, said)
            self.assertIn("tests were skipped, which counts as failed:", said)
        code, said, runs = self.run_suite(EndToEnd__one=[SLOW, GOOD], EndToEnd__two=[SKIPPED])
        self.assertNotEqual(code, 0, said)
        self.assertEqual(runs, {"EndToEnd__one": 1, "EndToEnd__two": 1}, said)

    def test_a_secret_fails_though_the_test_that_said_it_passes(self):
        secret = next(text for text in run.fixed_secrets() if len(text) > 12)
        for programs in ([f"print({secret!r})"], [f"print({secret!r}); {SLOW}", GOOD]):
            code, said, runs = self.run_suite(EndToEnd__one=programs)
            self.assertNotEqual(code, 0, said)
            self.assertEqual(runs, {"EndToEnd__one": len(programs)}, said)
            self.assertRegex(said, r"LastTest\S*\.log: secret \d+, raw, at byte \d+")


if __name__ == "__main__":
    unittest.main()
