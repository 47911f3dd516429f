#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# In the guest: a session with Hawser as an administrator would type it. Each
# command is shown before it runs; the first that fails ends the demo.
set -euo pipefail

target=${1:-lio}
iqn=iqn.2026-11.io.hawser.test:demo
portal=127.0.0.1:3260

note() { printf '\n-- %s\n' "$*"; }
show() {
	printf '# %s\n' "$*"
	bash -o pipefail -c "$*"
}

note "A target with one disk of 512 MiB ($target), in this same machine"
PYTHONPATH=tests/vm python3 -u - "$target" <<'PYTHON'
import sys
from rig import targets
target = targets.KINDS[sys.argv[1]]()
target.start()
target.add("demo")
target.add_lun("demo", 1, size="512M")
print("target", targets.IQN + "demo", "is up")
PYTHON

note "The module and the daemon"
show modprobe hawser
echo '# hawserd -f 2>/run/hawserd.log &'
hawserd -f 2>/run/hawserd.log &
for _ in $(seq 100); do
	[[ -e /run/hawser/io.hawser ]] && break
	sleep 0.1
done

note "Discovery and login"
show hawseradm -m discovery -t st -p $portal
show hawseradm -m node
show hawseradm -m node -T $iqn -p $portal --login
show hawseradm -m session
show udevadm settle --timeout=30

note "The disk"
disk=/dev/disk/by-path/ip-$portal-iscsi-$iqn-lun-1
show ls -l /dev/disk/by-path/
show lsblk -S -o NAME,HCTL,TRAN,VENDOR,MODEL
show lsblk -o NAME,SIZE,TRAN,TYPE

note "A filesystem: files written, taken away, and read back"
show mkfs.ext4 -q $disk
show mkdir -p /mnt/disk
show mount $disk /mnt/disk
show "tar -C /usr/include/linux -cf - netfilter tc_act | tar -C /mnt/disk -xf -"
show "cd /mnt/disk && find . -type f | sort | xargs sha256sum >/run/before"
show umount /mnt/disk
show "echo 3 >/proc/sys/vm/drop_caches"
show mount $disk /mnt/disk
show "cd /mnt/disk && sha256sum --quiet -c /run/before && wc -l </run/before"
show umount /mnt/disk

note "Random writes of all sizes, verified"
show fio --name=verify --filename="\$(readlink -f $disk)" --rw=randwrite --bsrange=512-256k --size=32M --direct=1 \
	--ioengine=libaio --iodepth=8 --verify=crc32c --verify_fatal=1 --output=/run/fio.log
show "grep -o 'err= *[0-9]*' /run/fio.log | grep -x 'err= *0'"

note "The session in detail, and what went over it"
show hawseradm -m session -P 3
show hawseradm -m session -r 1 --stats

note "Logout: nothing is left"
show hawseradm -m node -T $iqn -p $portal --logout
show "hawseradm -m session; [ \$? = 21 ]"
show "! ls /dev/disk/by-path/*-iscsi-* 2>/dev/null"
show kill "\$(pidof hawserd)"
wait
show rmmod hawser
