#!/usr/bin/env bash
# install.sh BUILD: installs into a directory of its own and looks what is there.
set -euo pipefail
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work cmake --install "$build" > "$work/log" || { cat "$work/log"; exit 1; }
status=0
for file in bin/stsfs bin/stsfs-vend bin/stsfs-sim sbin/mount.stsfs \
  share/man/man1/stsfs.1 share/man/man7/stsfs.7 share/man/man8/mount.stsfs.8 share/man/man8/stsfs-vend.8 \
  share/man/man8/stsfs-sim.8 share/doc/stsfs/README.md share/doc/stsfs/CHANGELOG.md share/doc/stsfs/LICENSE \
  share/doc/stsfs/examples/fstab.example lib/systemd/system/stsfs-vend.service lib/systemd/user/stsfs@.service \
  lib/systemd/user/stsfs-credentials.service; do
  [[ -e $work/usr/$file ]] || { echo "missing: /usr/$file"; status=1; }
done
grep -q '^ExecStart=/usr/bin/stsfs ' "$work/usr/lib/systemd/user/stsfs@.service" ||
  { echo "stsfs@.service starts another program"; status=1; }
grep -q '^ExecStart=/usr/bin/stsfs-vend ' "$work/usr/lib/systemd/system/stsfs-vend.service" ||
  { echo "stsfs-vend.service starts another program"; status=1; }
for page in "$work"/usr/share/man/man?/*; do
  man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null | grep -v "can't break line" &&
    { echo "$page is not clean"; status=1; }
  lexgrog "$page" > /dev/null || { echo "$page has no NAME that apropos finds"; status=1; }
done
"$work/usr/bin/stsfs" version
[[ $(readlink -f "$work/usr/sbin/mount.stsfs") == "$work/usr/bin/stsfs" ]] ||
  { echo "mount.stsfs is not stsfs"; status=1; }
exit "$status"
