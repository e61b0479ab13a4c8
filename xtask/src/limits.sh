#!/bin/sh
# The first process of the emulated machine: it runs services with limits, and tells what came of them.
export PATH=/bin HOME=/ USER=root NO_COLOR=1
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
cd /work && mkfifo go
seedbed --quiet up eater spinner forker >/dev/null
group() { sed -n 's/^0:://p' "/proc/$(seedbed status --json | sed -n "/shop.$1\"/,/\"pid\"/s/.*\"pid\": \([0-9]*\).*/\1/p")/cgroup"; }
used() { sed -n 's/^usage_usec //p' "/sys/fs/cgroup$spinner/cpu.stat"; }
now() { sed 's/ .*//; s/\.//' /proc/uptime; }
spinner=$(group spinner)
before=$(used) began=$(now)
sleep 4
echo "cpus $((($(used) - before) / ($(now) - began) / 100)) of 100"
echo go >go
tries=0
until seedbed status | grep -q 'eater.*failed' || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.2; done
seedbed status | sed -n 's/^shop.\(eater\|forker\) *\(failed: [^ ]*\( [^ ]\+\)*\).*/\1 \2/p'
seedbed --quiet down >/dev/null
echo "left $(ls -d /sys/fs/cgroup/seedbed-* 2>/dev/null | wc -l)"
poweroff -f
