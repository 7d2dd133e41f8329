#!/usr/bin/env bash
# Runs pjdfstest (https://github.com/pjd/pjdfstest, built there) in a directory and compares with what is known to fail.
#
#   tests/pjdfstest/run.sh CHECKOUT DIRECTORY [PATTERN]     as root; e.g. in a mount of scripts/demo.sh --up DIR -- -o allow_other
#
# Prints each file with assertions that fail and are not in known-failures, and the sums. Exit 0: there is none.
set -euo pipefail
checkout=$(cd "$1" && pwd)
directory=$(cd "$2" && pwd)
pattern=${3:-.}
known=$(cd "$(dirname "$0")" && pwd)/known-failures
[[ -x $checkout/pjdfstest ]] || { echo "build pjdfstest in $checkout first" >&2; exit 2; }
((EUID == 0)) || { echo "pjdfstest needs root" >&2; exit 2; }

work=$(mktemp -d "$directory/pjdfstest.XXXXXX")
out=$(mktemp -d)
trap 'rm -rf "$out" "$work"' EXIT
chmod 755 "$work"
cd "$work"
passed=0 failed=0 unknown=0
while read -r test; do
  timeout 300 bash "$checkout/tests/$test" > "$out/tap" 2>&1 || echo "$test: exit $?"
  passed=$((passed + $(grep -c '^ok ' "$out/tap" || true)))
  # What pjdfstest itself expects to fail here is marked TODO.
  bad=$(grep '^not ok ' "$out/tap" | grep -vc '# TODO' || true)
  failed=$((failed + bad))
  allowed=$(awk -v test="$test" '$1 == test { print $2 }' "$known")
  if ((bad > ${allowed:-0})); then
    unknown=$((unknown + bad - ${allowed:-0}))
    echo "$test: $bad fail, ${allowed:-0} are known to:"
    grep '^not ok ' "$out/tap" | grep -v '# TODO' | cut -c1-160 | head -n 10
  fi
done < <(cd "$checkout/tests" && find . -name '*.t' -not -path '*/granular/*' | sed 's:^\./::' | grep -E "$pattern" | LC_ALL=C sort)
echo "passed $passed, failed $failed, of which not known $unknown"
((unknown == 0))
