#!/usr/bin/env bash
# The mount at a real bucket: what a person would do first, compared byte for byte. For buckets of your own; it costs
# a few hundred requests. Works only below a fresh random prefix, and removes what it made, also when it fails.
#
#   scripts/smoke-real.sh oss://BUCKET/[PREFIX/] -o endpoint=URL[,region=REGION,…]     keys from the environment:
#       OSS_ACCESS_KEY_ID, OSS_ACCESS_KEY_SECRET and, for a temporary credential, OSS_SESSION_TOKEN
#   scripts/smoke-real.sh --dry-run oss://BUCKET/…      shows what it would do
#
# STSFS names the program; otherwise the one in build/release/bin.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
stsfs=${STSFS:-$root/build/release/bin/stsfs}
large_mib=${SMOKE_LARGE_MIB:-40}

die() { echo "smoke-real: $*" >&2; exit 2; }
usage() { sed -n '2,/^set -euo/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

dry=no source='' options=''
while (($# > 0)); do
  case $1 in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry=yes ;;
    -o) (($# > 1)) || die "-o needs a list of options"; options=$2; shift ;;
    oss://*) source=$1 ;;
    *) die "not understood: $1; see --help" ;;
  esac
  shift
done
[[ -n $source ]] || die "no bucket given; see --help"
[[ $source == */ ]] || source+=/
fresh=stsfs-smoke-$(date -u +%Y%m%dT%H%M%SZ)-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
folder=$source$fresh/

if [[ $dry == yes ]]; then
  cat <<TEXT
would mount $folder with $stsfs -o credentials=env${options:+,$options}
would write, compare, append to, truncate, rename, chmod, link, list and remove files there, one of $large_mib MiB
would mount it again with an empty cache and compare everything
would remove everything below $folder and unmount
TEXT
  exit 0
fi

[[ -x $stsfs ]] || die "$stsfs is not there; build it (scripts/test.sh), or set STSFS"
[[ -n ${OSS_ACCESS_KEY_ID:-} && -n ${OSS_ACCESS_KEY_SECRET:-} ]] ||
  die "OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET are not in the environment"

work=$(mktemp -d)
mount_point=$work/cloud
mkdir "$mount_point"
mounted=no

mount_it() {
  "$stsfs" mount "$folder" "$mount_point" -o "credentials=env,state_dir=$work/state,state=$1${options:+,$options}"
  mounted=yes
}
unmount_it() {
  "$stsfs" umount "$mount_point"
  mounted=no
}
clean_up() {
  local status=$?
  trap - EXIT
  set +e
  if [[ $mounted == no ]]; then mount_it clean || echo "smoke-real: $folder may be left over" >&2; fi
  if [[ $mounted == yes ]]; then
    find "$mount_point" -mindepth 1 -delete
    unmount_it || umount -l "$mount_point"
  fi
  rm -rf "$work"
  exit "$status"
}
trap clean_up EXIT

step() { echo "-- $*"; }
same() { cmp "$work/local/$1" "$mount_point/$1"; }

step "mount $folder"
mount_it first

step "small and large files, odd names"
mkdir -p "$work/local/a directory/数据"
: > "$work/local/empty"
printf 'one line\n' > "$work/local/a directory/plain.txt"
printf 'odd\n' > "$work/local/a directory/100% + \"quotes\" 😀"
printf 'newline\n' > "$work/local/a directory/two"$'\n'"lines"
head -c 300000 /dev/urandom > "$work/local/a directory/数据/binary"
head -c "$((large_mib * 1024 * 1024))" /dev/urandom > "$work/local/large"
cp -r "$work/local/." "$mount_point/"
diff -r "$work/local" "$mount_point"

step "append, change in the middle, truncate"
for where in "$work/local" "$mount_point"; do
  printf 'appended\n' >> "$where/a directory/plain.txt"
  printf 'CHANGED' | dd of="$where/large" bs=1 seek=20000000 conv=notrunc status=none
  printf 'tail' >> "$where/large"
  truncate -s 100000 "$where/a directory/数据/binary"
done
same large
same "a directory/plain.txt"
same "a directory/数据/binary"

step "rename, chmod, times, symbolic link, remove"
for where in "$work/local" "$mount_point"; do
  mv "$where/large" "$where/renamed"
  mv "$where/a directory" "$where/another"
  chmod 640 "$where/renamed"
  touch -d '2020-01-02 03:04:05 UTC' "$where/renamed"
  ln -s another/plain.txt "$where/link"
  rm "$where/empty"
done
diff -r "$work/local" "$mount_point"

step "a second mount, which knows nothing"
unmount_it
mount_it second
diff -r "$work/local" "$mount_point"
[[ $(stat -c '%a %Y' "$mount_point/renamed") == "$(stat -c '%a %Y' "$work/local/renamed")" ]] ||
  { echo "mode or time of 'renamed' was not kept" >&2; exit 1; }
[[ $(readlink "$mount_point/link") == another/plain.txt ]] || { echo "the link is another" >&2; exit 1; }

step "everything held"
