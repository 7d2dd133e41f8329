#!/usr/bin/env bash
# scripts/demo.sh --up where a step fails: it says which, and nothing of it is left; --down from another session: nothing of
# it is left either. STSFS_BUILD/bin has the programs.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
real=$STSFS_BUILD/bin
work=$(mktemp -d)
clean_up() {
  mountpoint -q "$work/cloud" && umount -l "$work/cloud"
  [[ ! -e $work/pids ]] || xargs -r kill -9 < "$work/pids" 2> /dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
export TMPDIR=$work STSFS_BUILD=$work/build
for home in STATE CACHE CONFIG; do export "XDG_${home}_HOME=$work/$home"; done
export XDG_RUNTIME_DIR=$work/run
mkdir -m 700 "$XDG_RUNTIME_DIR"
mkdir -p "$STSFS_BUILD/bin"

# The programs, but for the one whose command is in FAILS; the servers say who they are.
for program in stsfs stsfs-sim stsfs-vend; do
  cat > "$STSFS_BUILD/bin/$program" << SH
#!/usr/bin/env bash
if [[ "\$FAILS" == "$program \$1" ]]; then echo "no \$1 today" >&2; exit 3; fi
[[ $program == stsfs ]] || echo "\$\$" >> "$work/pids"
exec "$real/$program" "\$@"
SH
  chmod +x "$STSFS_BUILD/bin/$program"
done

wrong() { echo "$1: $2; it said:" >&2; cat "$work/out" "$work/err" >&2; exit 1; }

# runs PID: also a while longer; one that ended and that nobody has asked after runs no more.
runs() {
  local i
  for ((i = 0; i < 300; i++)); do
    grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status" || return 1
    sleep 0.1
  done
}

# fails WHAT WANTED: --up ends with an error that says WANTED, and what it started is gone.
fails() {
  local pid
  : > "$work/pids"
  if FAILS=$1 "$root/scripts/demo.sh" --up "$work/cloud" > "$work/out" 2> "$work/err"; then wrong "$1" "it came up"; fi
  grep -qF "$2" "$work/err" || wrong "$1" "it does not say '$2'"
  [[ ! -s $work/out ]] || wrong "$1" "stdout is not empty"
  [[ -s $work/pids ]] || wrong "$1" "no server was started"
  while read -r pid; do
    ! runs "$pid" || wrong "$1" "process $pid still runs"
  done < "$work/pids"
  [[ ! -e $work/cloud ]] || wrong "$1" "the directory is still there"
  [[ -z $(find "$work"/stsfs-demo-*/ -mindepth 1) ]] || wrong "$1" "what the servers kept is still there"
  [[ -z $(find "$work"/STATE/stsfs/tokens -type f 2> /dev/null) ]] || wrong "$1" "the login is still there"
  echo "$1 fails: '$2', and nothing is left"
}

# Somebody else has been quicker at the name that can be guessed, with a link or a directory of his own: what is in it is
# neither run nor written to.
guessed=$work/stsfs-demo-$EUID
state=$guessed/$(printf '%s' "$work/cloud" | sha256sum | cut -c1-16)
refused() {
  local how
  for how in --up --down; do
    mkdir -p "$work/cloud"
    if FAILS="" "$root/scripts/demo.sh" "$how" "$work/cloud" > "$work/out" 2> "$work/err"; then wrong "$1" "$how worked"; fi
    grep -qF "is not this user's own" "$work/err" || wrong "$1" "$how does not say why"
    [[ ! -e $work/sourced ]] || wrong "$1" "$how ran what is not ours"
  done
  echo "$1 in the place of what --up makes: it is left alone"
}
mkdir -p "$work/elsewhere/${state##*/}"
ln -s "$work/elsewhere" "$guessed"
for name in env homes; do echo "touch '$work/sourced'" > "$state/$name"; done
refused "a link"
rm "$guessed"
mv "$work/elsewhere" "$guessed"
if ((EUID == 0)); then
  chown -R 65534 "$guessed"
  refused "another's directory"
  chown 0 "$guessed"
  FAILS="" "$root/scripts/demo.sh" --down "$work/cloud" > "$work/out" 2> "$work/err" && wrong "another's file" "--down worked"
  [[ ! -e $work/sourced ]] || wrong "another's file" "--down ran it"
fi
rm -r "$guessed" "$work/cloud"

fails "stsfs-vend user" "the user was not added"
fails "stsfs-vend serve" "a server ended at once"
fails "stsfs login" "the login failed"
fails "stsfs mount" "the mount failed"
fails "stsfs status" "the daemon does not say how it is"

# What is not in OSS yet gets there, though who ends it has other directories.
: > "$work/pids"
FAILS="" "$root/scripts/demo.sh" --up "$work/cloud" -- -o commit=background > "$work/out" 2> "$work/err" || wrong up "it failed"
sed -n 's/^STSFS_PID=//p' "$work/out" >> "$work/pids"
echo text > "$work/cloud/file"
FAILS="" env -u XDG_STATE_HOME -u XDG_CACHE_HOME -u XDG_CONFIG_HOME XDG_RUNTIME_DIR=/nowhere \
  "$root/scripts/demo.sh" --down "$work/cloud" > "$work/out" 2> "$work/err" || wrong down "it failed"
! grep -qF "not waited for" "$work/err" || wrong down "the daemon was not waited for"
while read -r pid; do
  ! runs "$pid" || wrong down "process $pid still runs"
done < "$work/pids"
[[ -z $(find "$work"/STATE/stsfs/tokens -type f 2> /dev/null) ]] || wrong down "the login is still there"
echo "--down from another session: nothing is left"
