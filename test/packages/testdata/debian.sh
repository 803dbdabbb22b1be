#!/bin/sh
# Runs as root in a clean Debian root, and installs, upgrades, removes and purges the packages /first.deb and /second.deb as an
# administrator does. What it finds it prints under headings; debian_test.go knows what it should be.
set -eu
exec 2>&1
export LC_ALL=C DEBIAN_FRONTEND=noninteractive

heading() { printf '== %s\n' "$1"; }

# Every file with its permissions and owners, but for what dpkg and apt keep of any package and the backups of the lists of
# accounts.
files() {
	find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log \) -prune \
		-o -type d -o ! -path '/etc/*-' -printf '%M %u:%g %p %l\n' | sed 's/ $//' | sort
}
accounts() { sort /etc/passwd /etc/group; }
dpkg_quietly() { dpkg "$@" >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }; }
state() { sha256sum </var/lib/postern-agent/agent.key; }

files >/tmp/files
accounts >/tmp/accounts

heading install
dpkg_quietly -i /first.deb
files | comm -13 /tmp/files -
heading intact
dpkg --verify postern-agent
heading enabled
systemctl is-enabled postern-agent
heading unit
systemd-analyze verify postern-agent.service
heading account
getent passwd postern-agent | cut -d: -f1,5-
id -nG postern-agent
heading version
postern-agent version

# The command of the unit as the unit's account, with the directories that systemd makes for it.
heading service
install -d -o postern-agent -g postern-agent -m 0700 /var/lib/postern-agent
install -d -o postern-agent -g postern-agent -m 0755 /run/postern-agent
# shellcheck disable=SC2046 # words of a command
RUNTIME_DIRECTORY=/run/postern-agent setpriv --reuid postern-agent --regid postern-agent --init-groups \
	$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/postern-agent.service) >/tmp/service 2>&1 &
service=$!
tries=0
until [ -e /run/postern-agent/page.json ] || [ $tries -eq 600 ]; do sleep 0.1; tries=$((tries + 1)); done
ls -l /run/postern-agent/page.json | cut -d' ' -f1,3,4 || cat /tmp/service
kill $service && wait $service || true
ls -l /var/lib/postern-agent | sed -n 's/  */ /g; 2,$p' | cut -d' ' -f1,3,4,9
rm -r /run/postern-agent

heading upgrade
echo '#mine' >>/etc/default/postern-agent
state >/tmp/state
dpkg_quietly -i /second.deb
postern-agent version
systemctl is-enabled postern-agent
tail -1 /etc/default/postern-agent
state | cmp - /tmp/state && echo same state

heading disabled
systemctl disable --quiet postern-agent
dpkg_quietly -i /second.deb
systemctl is-enabled postern-agent || true
systemctl enable --quiet postern-agent

heading remove
dpkg_quietly -r postern-agent
files | comm -13 /tmp/files -
heading again
dpkg_quietly -i /second.deb
systemctl is-enabled postern-agent
state | cmp - /tmp/state && echo same state

heading purge
dpkg_quietly -P postern-agent
files | comm -13 /tmp/files -
files | comm -23 /tmp/files -
accounts | comm -3 /tmp/accounts -
heading end
