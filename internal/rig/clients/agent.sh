# The workstation agent's key, which is a phone outside: libfido2 finds it and asks what it is, Chromium registers it at Security info of
# the control center's tenant and signs in with it, and both ends of the pairing hear that Entra has the passkey.
. /job/clients/lib
. /job/center

timed "found" fido2-token -L | tee list
grep -q "^$key: vendor=0x1209, product=0x5057" list || fail "fido2-token -L does not list $key"
grep -q 'HID_NAME=.*Phone of the rig' "/sys/class/hidraw/${key#/dev/}/device/uevent" || fail "the key does not have the phone's name"
timed "get info" fido2-token -I "$key" | tee info
grep -q 'aaguid: 8a2082498aef41b3907f776d51e6526f' info || fail "another AAGUID"
grep -q 'options:.*\buv\b' info || fail "no built-in user verification"

/run/bin/rig browse center.json

complete() {
	until /run/bin/postern-agent --dir /run/workstation --json phones | tee phones | grep -q '"incomplete": *false'; do
		[ "$((tries = ${tries:-0} + 1))" -lt 60 ] || return 1
		sleep 0.5
	done
}
timed "pairing complete" complete || { cat phones; exit 1; }
/run/bin/postern passkeys list "$HOLDER" | tee passkeys
grep -q active passkeys || fail "the control center does not list the passkey"
