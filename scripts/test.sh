#!/usr/bin/env bash
# Everything that must hold, from a fresh checkout: sets up, builds, runs every suite, ends with ctest's summary.
#
#   scripts/test.sh              all suites with the optimised build, real mounts included
#   scripts/test.sh --full       the same with long soaks, then address+undefined-behaviour and thread sanitizers, fuzzing
#   scripts/test.sh -R REGEX     (and any other option of ctest) only some of them
#
# A test that was skipped or not run counts as failed.
set -euo pipefail
cd "$(dirname "$0")/.."

presets=(release)
if [[ ${1:-} == --full ]]; then
  export STSFS_TEST_FULL=1
  presets+=(asan tsan)
  shift
fi

scripts/setup.sh

jobs=$(nproc)
for preset in "${presets[@]}"; do
  echo "== build $preset"
  cmake --preset "$preset" > "build-$preset.log" 2>&1 || { cat "build-$preset.log"; exit 1; }
  rm "build-$preset.log"
  cmake --build "build/$preset" -j "$jobs" 2>&1 | (grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking|Generating)' || true)
done

# One run over the three trees, so that one summary tells it all.
suite=build/suite
mkdir -p "$suite"
for preset in "${presets[@]}"; do echo "subdirs(\"$PWD/build/$preset\")"; done > "$suite/CTestTestfile.cmake"
log=$suite/ctest.log
status=0
ctest --test-dir "$suite" -j "$jobs" --output-on-failure "$@" 2>&1 | tee "$log" || status=$?
if grep -qE '\*\*\*(Skipped|Not Run)|\(Disabled\)' "$log"; then
  echo "tests were skipped, which counts as failed:" >&2
  grep -E '\*\*\*(Skipped|Not Run)|\(Disabled\)' "$log" >&2
  status=1
fi
exit "$status"
