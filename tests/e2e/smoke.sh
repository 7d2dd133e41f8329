#!/usr/bin/env bash
# scripts/smoke-real.sh against the simulator, so that it does not rot: STSFS_BUILD/bin has the programs.
set -euo pipefail
bin=$STSFS_BUILD/bin
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
export XDG_RUNTIME_DIR=$work/run XDG_STATE_HOME=$work/state-home
mkdir -m 700 "$XDG_RUNTIME_DIR" "$XDG_STATE_HOME"
"$bin/stsfs-sim" --bucket smoke-bucket --init-admin "$work/admin.json" > "$work/sim.out" 2> "$work/sim.err" &
sim=$!
trap 'kill "$sim"; wait "$sim" || true; rm -rf "$work"' EXIT
for ((i = 0; i < 100; ++i)); do
  grep -q READY "$work/sim.out" && break
  sleep 0.1
done
endpoint=$(sed -n 's/^OSS_ENDPOINT=//p' "$work/sim.out")
admin=$(sed -n 's/^ADMIN_ENDPOINT=//p' "$work/sim.out")
OSS_ACCESS_KEY_ID=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["AccessKeyId"])' "$work/admin.json")
OSS_ACCESS_KEY_SECRET=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["AccessKeySecret"])' "$work/admin.json")
export OSS_ACCESS_KEY_ID OSS_ACCESS_KEY_SECRET
"$root/scripts/smoke-real.sh" --dry-run oss://smoke-bucket/some/prefix > /dev/null
STSFS=$bin/stsfs "$root/scripts/smoke-real.sh" oss://smoke-bucket/some/prefix -o "endpoint=$endpoint,region=cn-hangzhou" \
  2>&1 | tee "$work/smoke.out"
left=$(curl -sS "$admin/objects?bucket=smoke-bucket")
[[ $left == *'"objects":[]'* && $left == *'"uploads":[]'* ]] || { echo "left over: $left" >&2; exit 1; }
printf '%s\n' "$OSS_ACCESS_KEY_SECRET" > "$work/secrets"
mapfile -t logs < <(find "$XDG_STATE_HOME" -name '*.log')
python3 "$root/tests/canary/scan.py" "$work/secrets" "$work"/*.out "$work/sim.err" "${logs[@]}"
