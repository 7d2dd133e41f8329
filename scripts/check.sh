#!/usr/bin/env bash
# The whole answer before a commit: format, shellcheck, both compilers without a warning, clang-tidy, tests.
#
#   scripts/check.sh             everything; the tests are those of scripts/test.sh
#   scripts/check.sh --quick     without clang-tidy, and only what ctest has for g++'s debug build
#   scripts/check.sh STEP...     only these, of: format shell files tidy tests
#
# After a step that fails the others go on; the last line says which did not hold.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

check_format() { git ls-files -z '*.cc' '*.h' | xargs -0 clang-format --dry-run --Werror; }

check_shell() { git ls-files -z 'scripts/*.sh' '.ci/run' | xargs -0 shellcheck; }

# Each file by itself, with both compilers: what the unity builds of the tests do not show. No code is made, which saves most
# of the time; what shows only then, those builds show, which are with both, too.
check_files() {
  local preset
  for preset in dev clang; do
    cmake --preset "$preset" > /dev/null &&
      sed -n 's/^ *"command": "\(.*\)",\{0,1\}$/\1/p' "build/$preset/compile_commands.json" |
      sed 's/\\\(.\)/\1/g; s/ -o [^ ]* -c / -fsyntax-only /; /may_not_include/d' |
        xargs -d '\n' -P "$(nproc)" -n 1 sh -c || return 1
  done
}

# Several files are read as one (a unity build, see src/layers.cmake): of a file by itself nine tenths of the time go
# into headers. That the analyzer looks into the files behind an #include, too, hangs on the name of the build tree.
check_tidy() {
  local tree=build/UnifiedSources
  cmake --preset tidy > /dev/null &&
    sed -n 's/^ *"file": "\(.*\)".*/\1/p' "$tree/compile_commands.json" |
    xargs -P "$(nproc)" -n 1 clang-tidy -p "$tree" --quiet --checks=-bugprone-suspicious-include
}

check_tests() { scripts/test.sh; }
check_quick_tests() {
  cmake --preset dev > /dev/null && cmake --build build/dev -j "$(nproc)" &&
    ctest --test-dir build/dev -j "$(nproc)" --output-on-failure
}

steps=("$@")
case ${1:-} in
  '') steps=(format shell files tidy tests) ;;
  --quick) steps=(format shell files quick_tests) ;;
  -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" && exit 2 ;;
esac
for step in "${steps[@]}"; do
  declare -F "check_$step" > /dev/null || { echo "check: no step is called $step" >&2 && exit 2; }
done

scripts/setup.sh || exit 1
failed=()
for step in "${steps[@]}"; do
  echo "== $step"
  "check_$step" || failed+=("$step")
done
if ((${#failed[@]})); then
  echo "check: these did not hold: ${failed[*]}" >&2
  exit 1
fi
echo "check: all of it holds: ${steps[*]}"
