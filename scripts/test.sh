#!/usr/bin/env bash
# Everything that must hold, from a fresh checkout: sets up, builds, runs every suite, ends with ctest's summary.
#
#   scripts/test.sh              all suites with the optimised build, real mounts included; those of the layers below the
#                                programs once more under the address, undefined-behaviour and thread sanitizers; each
#                                of their fuzzers for some seconds
#   scripts/test.sh --full       the same with long soaks, the suites of every layer and the real mounts under the sanitizers,
#                                too (not the end-to-end scenarios), and a hundred seconds for each fuzzer
#   scripts/test.sh -R REGEX     (and any other option of ctest) only some of them
#
# A test that was skipped or not run counts as failed. An end-to-end scenario holds whole programs to bounds in real time, with
# other tests beside it: one that missed such a bound is run once more, alone, its first output stays above, and its name stands
# before the summary. Nothing else is repeated.
#
# The tests run as root: they mount for others, become other users, and take disks and processes away from programs. Who is
# not root builds as himself; the tests are run by sudo, which is asked for first.
set -euo pipefail
cd "$(dirname "$0")/.."

# Whole sanitizer builds take longer than everything else together; these layers hold what they are there for.
under_asan="base;sign;http;sts;credentials;oss;cache;staging;fs;model;control"
under_tsan="http;credentials;oss;cache;staging;fs;model;fuse;control"
if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' "$0"
  exit
fi
if [[ ${1:-} == --full ]]; then
  export STSFS_TEST_FULL=1
  under_asan="" under_tsan=""
  shift
fi

as_root() { "$@"; }
if ((EUID != 0)); then
  command -v sudo > /dev/null || {
    echo "test: the tests need root, and there is no sudo: they mount for other users, become them, and take disks and" \
      "processes away from programs; remedy: run scripts/test.sh as root, or install sudo" >&2
    exit 1
  }
  echo "test: the tests need root: asking sudo now, and running them by it once all is built"
  sudo true || { echo "test: sudo refused: run scripts/test.sh as root, or as somebody who may use sudo" >&2; exit 1; }
  # It forgets after some minutes, and the build takes longer.
  (trap 'kill "$!"; exit' TERM; while sleep 60 & wait "$!"; do sudo -n true || exit; done) > /dev/null 2>&1 &
  keeping=$!
  # What root has made in the build tree is to be removed and built over by its owner.
  give_back() {
    local status=$?
    trap - EXIT
    kill "$keeping" 2> /dev/null || true
    [[ ! -d build ]] || sudo chown -hR "$(id -u):$(id -g)" build || true
    exit "$status"
  }
  trap give_back EXIT
  # With what the tests look for in the environment, which sudo would not pass on; PATH it would replace.
  as_root() {
    local names
    names=$(compgen -e | grep -E '^(STSFS_|ONE_FILE_|[ALT]SAN_OPTIONS$|PYTHON|SSL_CERT|NODE_EXTRA|npm_config)|_(proxy|PROXY)$' | paste -sd ,)
    sudo "--preserve-env=$names" env "PATH=$PATH" "$@"
  }
fi

scripts/setup.sh

jobs=$(nproc)
# build PRESET [OPTION-OF-CMAKE…] -- [OPTION-OF-BUILD…]
build() {
  local preset=$1 configure=() log=build-$1.log
  shift
  while (($# > 0)) && [[ $1 != -- ]]; do configure+=("$1"); shift; done
  (($# == 0)) || shift
  echo "== build $preset"
  cmake --preset "$preset" "${configure[@]}" > "$log" 2>&1 || { cat "$log"; exit 1; }
  rm "$log"
  cmake --build "build/$preset" -j "$jobs" "$@" 2>&1 | (grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' || true)
}
# sanitized PRESET SUITES; without suites: everything. The fuzzers of what is built come with asan.
sanitized() {
  local preset=$1 suites=$2
  local fuzzers=OFF
  [[ $preset != asan ]] || fuzzers=ON
  if [[ -z $suites ]]; then
    build "$preset" -DSTSFS_SUITES= -DSTSFS_FUZZERS=$fuzzers
  else
    build "$preset" "-DSTSFS_SUITES=$suites" -DSTSFS_FUZZERS=$fuzzers -- --target suites
  fi
}
build release
sanitized asan "$under_asan"
sanitized tsan "$under_tsan"

export TSAN_OPTIONS="suppressions=$PWD/tests/thread_sanitizer.supp"
# A hook of a test that outlives its frame is found at its first call, not by what it happens to overwrite.
export ASAN_OPTIONS=detect_stack_use_after_return=1
export LSAN_OPTIONS="suppressions=$PWD/tests/leak_sanitizer.supp:print_suppressions=0"
# Of a checkout that is somebody's, nothing is left beside the sources that only root can remove.
export PYTHONDONTWRITEBYTECODE=1
# One run over the three trees, so that one summary tells it all.
suite=build/suite
mkdir -p "$suite"
for preset in release asan tsan; do echo "subdirs(\"$PWD/build/$preset\")"; done > "$suite/CTestTestfile.cmake"
# One more than there are processors: some of the longest do little but wait (for a credential to end, for a deadline).
as_root python3 tests/suite/run.py "$suite" build/release/fault-matrix.txt -j "$((jobs + 1))" "$@"
