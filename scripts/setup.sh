#!/usr/bin/env bash
# Installs what building, testing and the quick start need, from Debian 12's own packages. Does nothing when all
# of it is there. Uses sudo when not root.
#
#   scripts/setup.sh
#   scripts/setup.sh --build     only what building, mounting and scripts/demo.sh need
#   scripts/setup.sh --bench     and what tests/bench/sim_bench.py measures the simulator with and beside: wrk, nginx
set -euo pipefail

tests=yes bench=no
case "${1:-}" in
  "") ;;
  --build) tests=no ;;
  --bench) bench=yes ;;
  *) sed -n '2,/^set -/p' "$0" | sed '/^set -/d; s/^# \{0,1\}//'; exit 2 ;;
esac

packages=(
  # to build
  g++ cmake ninja-build pkg-config
  libfuse3-dev libcurl4-openssl-dev libssl-dev libpugixml-dev libexpected-dev libspdlog-dev libfmt-dev
  nlohmann-json3-dev libcli11-dev libtomlplusplus-dev libsqlite3-dev libsqlitecpp-dev libisal-dev
  libkeyutils-dev libmicrohttpd-dev libgnutls28-dev libsodium-dev libpq-dev libsystemd-dev
  # to mount, and for the demo to read what `stsfs status` says
  fuse3 ca-certificates python3
)
for_tests=(
  # to build again and again
  ccache git
  # to test the vending server: its other database, a browser
  postgresql chromium chromium-driver
  # to test: GoogleTest, a second compiler with its checkers and fuzzers, programs that use a mount
  libgtest-dev libgmock-dev libbenchmark-dev clang clang-format clang-tidy libclang-rt-14-dev shellcheck
  attr curl file gdb man-db openssl procps make psmisc rsync s3fs rclone sqlite3
  time unzip vim xxd zip
)
# A Node.js that is there already (from wherever) is taken; Debian's npm would conflict with some of them.
command -v node > /dev/null || for_tests+=(nodejs)
command -v npm > /dev/null || for_tests+=(npm)
[[ $tests == no ]] || packages+=("${for_tests[@]}")
[[ $bench == no ]] || packages+=(wrk nginx)

missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2> /dev/null || true)
  [[ $state == ii* ]] || missing+=("$package")
done
if ((${#missing[@]} == 0)); then
  echo "setup: everything is installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  command -v sudo > /dev/null || {
    echo "setup: these packages are missing and there is no sudo; install them as root: ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "setup: installing ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
# The bench has one of its own; Debian's would serve the network from now on.
if [[ " ${missing[*]} " == *" nginx "* && -d /run/systemd/system ]]; then
  "${as_root[@]}" systemctl disable --now -q nginx
fi
echo "setup: done"
