#!/usr/bin/env bash
# scripts/setup.sh installs what it is asked to and nothing else, and sim_bench.py says how to come by what it needs. What
# it would install is only noted here.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$(python3 -c 'import sys; print(sys.executable)')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/fake" "$work/none"
fake() { printf '#!/bin/bash\n%s\n' "$2" > "$work/fake/$1"; chmod +x "$work/fake/$1"; }
# All is there but the bench's; nothing here reaches the real ones.
fake dpkg-query "case \"\${*: -1}\" in wrk | nginx) exit 1 ;; esac; printf 'ii '"
fake apt-get "echo \"\$*\" >> '$work/apt'"
fake systemctl "echo \"\$*\" >> '$work/systemctl'"
# shellcheck disable=SC2016  # for the program
fake sudo 'exec "$@"'

wrong() { echo "$1" >&2; exit 1; }
setup() { PATH=$work/fake:$PATH "$root/scripts/setup.sh" "$@"; }

[[ $(setup) == "setup: everything is installed" && ! -e $work/apt ]] || wrong "without an option it installs something"
setup --bench > "$work/said"
grep -q '^install .* wrk nginx$' "$work/apt" || wrong "--bench does not install wrk and nginx: $(cat "$work/apt")"
[[ ! -d /run/systemd/system ]] || grep -q 'disable --now .*nginx' "$work/systemctl" || wrong "nginx serves the network"
rm "$work/apt"
if setup --no-such-option > "$work/said"; then wrong "an unknown option is taken"; fi
grep -qF -- --bench "$work/said" || wrong "an unknown option does not show the usage"
[[ ! -e $work/apt ]] || wrong "with an unknown option it installs something"

# On a machine that has nothing of it yet.
fake dpkg-query 'exit 1'
setup --build > "$work/said"
for package in g++ cmake libfuse3-dev fuse3 python3; do
  [[ " $(tail -n 1 "$work/apt") " == *" $package "* ]] || wrong "--build does not install $package: $(cat "$work/apt")"
done
! grep -qE ' (libgtest-dev|clang|chromium|postgresql|nodejs|rclone|wrk)( |$)' "$work/apt" ||
  wrong "--build installs what only tests need: $(cat "$work/apt")"
rm "$work/apt"
setup > "$work/said"
grep -q ' g++ .* python3 .* libgtest-dev ' "$work/apt" || wrong "without an option it installs less than all: $(cat "$work/apt")"

if PATH=$work/none "$python" -B "$root/tests/bench/sim_bench.py" 2> "$work/said"; then wrong "it measures without wrk"; fi
grep -q 'not installed: wrk.*scripts/setup.sh --bench' "$work/said" || wrong "it does not say what to install: $(cat "$work/said")"
