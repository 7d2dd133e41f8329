#!/usr/bin/env bash
# The whole answer before a commit: format, both compilers without a warning, clang-tidy, shellcheck, tests.
#
#   scripts/check.sh             everything
#   scripts/check.sh --quick     without clang-tidy and the sanitizer builds
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh

echo "== format"
git ls-files '*.cc' '*.h' | xargs clang-format --dry-run --Werror
echo "== shell"
git ls-files 'scripts/*.sh' '.ci/run' | xargs shellcheck
for preset in dev clang; do
  echo "== build $preset"
  cmake --preset "$preset" > /dev/null
  cmake --build "build/$preset" -j "$(nproc)"
done
if [[ ${1:-} == --quick ]]; then
  ctest --test-dir build/dev -j "$(nproc)" --output-on-failure
  exit
fi
echo "== clang-tidy"
git ls-files 'src/*.cc' | xargs -P "$(nproc)" -n 4 clang-tidy -p build/clang --quiet
scripts/test.sh
