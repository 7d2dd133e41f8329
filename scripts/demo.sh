#!/usr/bin/env bash
# A cloud, a vending server and a mounted folder on this machine, from a fresh checkout.
#
#   scripts/demo.sh                     shows it, then leaves the folder mounted until Enter or Ctrl-C
#   scripts/demo.sh --once              shows it and ends; exit 0 only if every step held
#   scripts/demo.sh --up DIR [-- -o OPTIONS]
#                                       brings it all up in the background, folder at DIR, and prints KEY=VALUE
#   scripts/demo.sh --down DIR          ends what --up began
#
# STSFS_BUILD names a build tree to use instead of building; STSFS_DEMO_TTL the seconds a credential lives
# (default: 6 while showing, so that a renewal can be watched; 3600 with --up); STSFS_DEMO_HNS=1 gives the bucket a
# hierarchical namespace.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
# Shows a command as it can be typed, and runs it.
run() {
  local word line='$'
  for word; do
    [[ $word =~ ^[[:alnum:]/._=:@%+,-]+$ ]] || word=${word@Q}
    line+=" $word"
  done
  printf '%s\n' "$line"
  "$@"
}
die() { echo "demo: $*" >&2; exit 1; }

build_programs() {
  if [[ -n ${STSFS_BUILD:-} ]]; then
    bin=$(cd "$STSFS_BUILD/bin" && pwd)
    return
  fi
  {
    scripts/setup.sh --build
    cmake --preset release -DBUILD_TESTING=OFF -B build/demo
    cmake --build build/demo -j "$(nproc)"
  } >&2 || die "the build failed"
  bin=$root/build/demo/bin
}

# wait_for FILE PATTERN PID: until a line of FILE matches; a minute at most: a disk may be busy.
wait_for() {
  local i
  for ((i = 0; i < 600; i++)); do
    grep -qE "$2" "$1" 2> /dev/null && return 0
    kill -0 "$3" 2> /dev/null || { cat "$1" >&2; die "a server ended at once"; }
    sleep 0.1
  done
  cat "$1" >&2
  die "a server did not come up within a minute"
}

random_text() { od -An -N18 -tx1 /dev/urandom | tr -d ' \n'; }

# Starts simulator and vending server with everything they keep under $state. Sets the variables that --up prints.
start_servers() {
  umask 077
  mkdir -p "$state"
  REGION=cn-hangzhou BUCKET=examplebucket PREFIX=users/alice/
  local setting="" hns=false
  [[ -z ${STSFS_DEMO_HNS:-} ]] || setting=,hns hns=true
  setsid "$bin/stsfs-sim" --bucket "$BUCKET$setting" --region "$REGION" --allow-short-tokens --init-vending "$state/vending-key.json" \
    > "$state/sim.out" 2> "$state/sim.log" < /dev/null &
  SIM_PID=$!
  wait_for "$state/sim.out" '^READY=' "$SIM_PID"
  # shellcheck disable=SC1090
  source <(grep -E '^(OSS_ENDPOINT|ADMIN_ENDPOINT|STS_ENDPOINT|ROLE_ARN)=' "$state/sim.out")
  cat > "$state/vend.toml" << TOML
listen = "127.0.0.1:0"
database = "$state/vend.db"
access_key_file = "$state/vending-key.json"
audit_log = "$state/audit.log"

[sts]
endpoint = "$STS_ENDPOINT"
role_arn = "$ROLE_ARN"
duration_seconds = $ttl

[folder]
endpoint = "$OSS_ENDPOINT"
region = "$REGION"
bucket = "$BUCKET"
prefix = "users/\${user}/"
hierarchical_namespace = $hns
TOML
  password=$(random_text)
  printf '%s\n' "$password" > "$state/password"
  "$bin/stsfs-vend" user add alice --config "$state/vend.toml" --password-stdin <<< "$password" || die "the user was not added"
  setsid "$bin/stsfs-vend" serve --config "$state/vend.toml" > "$state/vend.out" 2> "$state/vend.log" < /dev/null &
  VEND_PID=$!
  wait_for "$state/vend.out" '^VEND_URL=' "$VEND_PID"
  VEND_URL=$(sed -n 's/^VEND_URL=//p' "$state/vend.out")
  STSFS=$bin/stsfs
}

# end_process PID: TERM, and after 10 s KILL.
end_process() {
  local i
  kill "$1" 2> /dev/null || return 0
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2> /dev/null || return 0
    sleep 0.1
  done
  kill -9 "$1" 2> /dev/null || true
}

mounted() { mountpoint -q "$1"; }
# Where an unmount did not do: what is at the servers' end is about to go.
detach() { ! mounted "$1" || fusermount3 -uz "$1" || umount -l "$1" || true; }

stsfs_pid() { "$STSFS" status --json "$1" | python3 -c 'import json,sys; print(json.load(sys.stdin)["pid"])'; }

# --- the end, also of what did not come up ---

clean_up() {
  local status=$?
  trap - EXIT INT TERM
  if [[ -n ${folder:-} ]] && mounted "$folder"; then
    run "$STSFS" umount "$folder" || status=1
    detach "$folder"
  fi
  [[ -z ${logged_in:-} ]] || "$STSFS" logout "$VEND_URL" || true
  [[ -z ${VEND_PID:-} ]] || end_process "$VEND_PID"
  [[ -z ${SIM_PID:-} ]] || end_process "$SIM_PID"
  if ((status != 0)); then
    say "It did not hold. The logs:"
    tail -n 20 "$state"/*.log 2> /dev/null || true
  fi
  rm -rf "$work"
  [[ -z ${made_folder:-} ]] || rmdir "$made_folder" || true
  exit "$status"
}

# end_with COMMAND: whatever ends the script from now on.
end_with() {
  # shellcheck disable=SC2064  # it is as it is now
  trap "$1" EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
}

# --- --up and --down ---

# check_ours FILE…: where a name can be guessed, somebody else may have put a file, or a link, under it.
check_ours() {
  local file
  for file; do
    [[ -O $file && ! -L $file ]] || die "$file is not this user's own, so it is not touched; remedy: remove it, or set TMPDIR"
  done
}

up_state() { printf '%s/stsfs-demo-%s/%s' "${TMPDIR:-/tmp}" "$EUID" "$(printf '%s' "$1" | sha256sum | cut -c1-16)"; }

up() {
  local dir made=""
  [[ -e $1 ]] || made=$1
  mkdir -p "$1"
  dir=$(cd "$1" && pwd)
  shift
  [[ ${1:-} == -- ]] && shift
  ttl=${STSFS_DEMO_TTL:-3600}
  state=$(up_state "$dir")
  [[ -e ${state%/*} ]] || (umask 077 && mkdir -p "${state%/*}")
  check_ours "${state%/*}"
  chmod 700 "${state%/*}"
  [[ -e $state/env ]] && die "something is up at $dir already: scripts/demo.sh --down $dir"
  build_programs
  rm -rf "$state"
  # What does not come up whole goes again; stdout is for what did.
  made_folder=$made work=$state
  end_with 'clean_up >&2'
  start_servers
  "$STSFS" login "$VEND_URL" --user alice --password-stdin <<< "$password" >&2 || die "the login failed"
  logged_in=1
  mounted "$dir" || folder=$dir  # what was there before is not ours to unmount
  "$STSFS" mount "$VEND_URL" "$dir" "$@" >&2 || die "the mount failed"
  folder=$dir
  # shellcheck disable=SC2034  # printed below, by their names
  STSFS_PID=$(stsfs_pid "$dir") || die "the daemon does not say how it is"
  local key
  # shellcheck disable=SC2034
  STATE_DIR=$state
  for key in OSS_ENDPOINT ADMIN_ENDPOINT STS_ENDPOINT REGION BUCKET PREFIX VEND_URL STSFS SIM_PID VEND_PID STSFS_PID STATE_DIR; do
    printf '%s=%s\n' "$key" "${!key}"
  done | tee "$state/env"
  # Where the daemon and the login are to be found again, whoever ends it.
  for key in XDG_STATE_HOME XDG_CACHE_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR; do
    [[ -z ${!key+set} ]] || printf 'export %s=%q\n' "$key" "${!key}"
  done > "$state/homes"
  trap - EXIT INT TERM
}

down() {
  local dir
  dir=$(cd "$1" 2> /dev/null && pwd) || dir=$(realpath -ms "$1")
  state=$(up_state "$dir")
  [[ -e $state/env ]] || die "nothing is up at $dir"
  check_ours "${state%/*}" "$state" "$state/env" "$state/homes"
  # shellcheck disable=SC1091
  source "$state/env" && source "$state/homes"
  local status=0
  if mounted "$dir"; then
    "$STSFS" umount "$dir" || status=$?
  fi
  detach "$dir"
  "$STSFS" logout "$VEND_URL" || true
  end_process "$VEND_PID"
  end_process "$SIM_PID"
  rm -rf "$state"
  return "$status"
}

# --- the show ---

same() {
  local a b
  a=$(sha256sum < "$1") b=$(sha256sum < "$2")
  [[ $a == "$b" ]] || die "$1 and $2 differ"
  echo "same SHA-256: $(basename "$1") and $(basename "$2")"
}

key_in_use() { "$STSFS" status --json "$folder" | python3 -c 'import json,sys; print(json.load(sys.stdin)["credential"]["access_key_id"])'; }

show() {
  ttl=${STSFS_DEMO_TTL:-6}
  say "Setting up and building (the first time takes some minutes)"
  build_programs
  work=$(mktemp -d)
  state=$work/servers folder=$work/cloud
  export XDG_STATE_HOME=$work/state XDG_CACHE_HOME=$work/cache XDG_RUNTIME_DIR=$work/run XDG_CONFIG_HOME=$work/config
  mkdir -p "$folder" "$XDG_RUNTIME_DIR"
  chmod 700 "$folder" "$XDG_RUNTIME_DIR"
  end_with clean_up

  say "A cloud (OSS, STS and RAM) and a vending server, on this machine"
  start_servers
  echo "OSS     $OSS_ENDPOINT   bucket $BUCKET"
  echo "STS     $STS_ENDPOINT"
  echo "vending $VEND_URL   user alice, folder $PREFIX, credentials live $ttl s"

  say "Log in once, mount"
  printf '$ stsfs login %s --user alice\n' "$VEND_URL"
  "$STSFS" login "$VEND_URL" --user alice --password-stdin <<< "$password"
  run "$STSFS" mount "$VEND_URL" "$folder"

  say "Work with files"
  local first later
  first=$(key_in_use)
  head -c 5000000 /dev/urandom > "$work/holiday.jpg"
  run cp "$work/holiday.jpg" "$folder/"
  run mkdir -p "$folder/letters/2026"
  printf 'Dear Bob,\n' > "$work/letter.txt"
  run cp "$work/letter.txt" "$folder/letters/2026/to Bob 信 ☕.txt"
  run cat "$folder/letters/2026/to Bob 信 ☕.txt"
  run mv "$folder/holiday.jpg" "$folder/letters/2026/beach.jpg"
  run ls -lR "$folder"
  run cp "$folder/letters/2026/beach.jpg" "$work/back.jpg"
  same "$work/holiday.jpg" "$work/back.jpg"
  [[ $(cat "$folder/letters/2026/to Bob 信 ☕.txt") == "Dear Bob," ]] || die "the letter reads differently"
  run rm "$folder/letters/2026/to Bob 信 ☕.txt"
  [[ ! -e "$folder/letters/2026/to Bob 信 ☕.txt" ]] || die "the letter is still there"

  say "The credential renews itself"
  run "$STSFS" status "$folder"
  local i
  for ((i = 0; i < ttl * 20; i++)); do
    later=$(key_in_use)
    [[ $later != "$first" ]] && break
    sleep 0.1
  done
  [[ $later != "$first" ]] || die "the credential was not renewed"
  run "$STSFS" status "$folder"
  run ls -l "$folder/letters/2026"

  say "Unmount and mount again: everything is in OSS"
  run "$STSFS" umount "$folder"
  run "$STSFS" mount "$VEND_URL" "$folder"
  same "$work/holiday.jpg" "$folder/letters/2026/beach.jpg"

  if [[ $1 == once ]]; then
    say "Every step held."
    return
  fi
  say "The folder is yours to try: $folder"
  echo "Press Enter (or Ctrl-C) to unmount and clean up."
  trap 'echo; exit 0' INT  # it is what was asked for
  read -r _ || true
}

case "${1:-}" in
  "") show stay ;;
  --once) show once ;;
  --up) [[ -n ${2:-} ]] || die "--up DIR [-- -o OPTIONS]"; shift; up "$@" ;;
  --down) [[ -n ${2:-} ]] || die "--down DIR"; down "$2" ;;
  *) sed -n '2,/^set -/p' "$0" | sed '/^set -/d; s/^# \{0,1\}//'; exit 2 ;;
esac
