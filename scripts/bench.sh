#!/usr/bin/env bash
# stsfs beside s3fs, rclone and others, over one simulated OSS on this machine: MB/s or seconds until all is stored on the
# server, requests by kind, bytes moved, CPU seconds and peak memory of each daemon; what curl and a pass-through FUSE
# filesystem reach stands beside them. Every byte is compared with the server's.
#
#   scripts/bench.sh                                all workloads, on loopback (raw) and at 20 ms a request with 100 MB/s a
#                                                   connection (wan): hours, most of them those of the others
#   scripts/bench.sh --quick                        scaled down: minutes
#   scripts/bench.sh --fs stsfs,s3fs --profile wan --workload cpout,ls --tsv rows.tsv
#   scripts/bench.sh --peer goofys='goofys -f --endpoint {endpoint} {bucket}:{prefix} {mountpoint}'
#   scripts/bench.sh --help                         every option and workload
#
# Prints each result as it is known, then tables; the picture goes to bench.svg. Cold means: a new daemon, nothing in its
# caches, and for root the machine's page cache dropped; rows that end in _again have a new daemon that finds what the last
# one left on disk. Rows that end in :seen are what the program saw where close does not mean stored.
# What is too slow or wrong is a cell that says FAIL. Mounts and processes are taken away in the end, and on Ctrl-C.
# STSFS_BUILD names a build tree to use instead of building.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

if [[ -z ${STSFS_BUILD:-} ]]; then
  STSFS_BUILD=$root/build/release
  (cd "$root" && cmake --preset release > /dev/null && cmake --build build/release -j "$(nproc)" --target stsfs stsfs-sim passthrough) >&2
fi
exec python3 -B "$root/tests/bench/compare/bench.py" --programs "$(cd "$STSFS_BUILD/bin" && pwd)" "$@"
