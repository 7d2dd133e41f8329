#!/usr/bin/env bash
# The scanner itself can fail: it finds a planted secret in every form, at every alignment, and nothing elsewhere.
set -euo pipefail
scan=$(dirname "$0")/scan.py
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
secret='canary+/=secret "0123'
printf '%s\n' "$secret" > "$dir/secrets"
mkdir "$dir/logs"
expect() {
  local wanted=$1 status=0
  python3 "$scan" "$dir/secrets" "$dir/logs" > "$dir/out" || status=$?
  if ((status != wanted)); then
    echo "expected $wanted, got $status: $(cat "$dir/out"; head -c 200 "$dir/logs/log")"
    exit 1
  fi
}
printf 'nothing here\n' > "$dir/logs/log"
expect 0
plant() { printf '%s\n' "$1" > "$dir/logs/log"; expect 1; }
plant "password=$secret."
plant "q=$(python3 -c 'import sys,urllib.parse as u; print(u.quote(sys.argv[1], safe=""))' "$secret")"
for prefix in '' a ab; do plant "$(printf '%sx%s:y' "$prefix" "$secret" | base64 -w0)"; done
plant "$(printf '%s' "$secret" | xxd -p | tr -d '\n')"
plant "$(python3 -c 'import json,sys; print(json.dumps(sys.argv[1]))' "$secret")"
if grep -qF "$secret" "$dir/out"; then echo "the scanner prints the secret"; exit 1; fi
