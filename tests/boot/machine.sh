#!/bin/bash
# Boots a throw-away copy of this very machine, with firewalld_py installed on it, in a container of its
# own network: machine.sh STAGED SHARED. STAGED is what `make install DESTDIR=STAGED` made; SHARED is
# a directory with inside.py and rules.yaml, into which inside.py writes seen.json.
#
# The copy is an overlay on /, in memory; what is written there goes away with this process. Run it
# under `unshare --mount`.
set -euo pipefail
staged=$1 shared=$2

mount --make-rprivate /
memory=$(mktemp -d)
mount -t tmpfs tmpfs "$memory"
mkdir "$memory"/{upper,work,root}
cp -a "$staged/." "$memory/upper"
chmod 0755 "$memory/upper" # it becomes the root directory
mount -t overlay overlay -o "lowerdir=/,upperdir=$memory/upper,workdir=$memory/work" "$memory/root"
root=$memory/root

cp "$shared/rules.yaml" "$root/etc/firewalld-py/rules.yaml"
systemd-sysusers --root="$root" firewalld-py.conf
units=$root/etc/systemd/system
mkdir -p "$units/firewalld-py.service.d" "$root/var/log/journal"
cat >"$units/firewalld-py.service.d/test.conf" <<'UNIT'
[Service]
WatchdogSec=4
UNIT
cat >"$units/inside.service" <<'UNIT'
[Unit]
DefaultDependencies=no
After=firewalld-py.service
[Service]
ExecStart=/usr/bin/python3 /shared/inside.py /shared/seen.json
UNIT
cat >"$units/boot-test.target" <<'UNIT'
# Of the machine that is copied nothing but the base is started.
[Unit]
AllowIsolate=yes
Requires=sysinit.target
Wants=firewalld-py.service inside.service
UNIT

exec systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --console=read-only \
    --machine="boot-$$" --directory="$root" --bind="$shared:/shared" systemd.unit=boot-test.target
