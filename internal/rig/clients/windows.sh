# The emulated Windows computer, which finds the keys of the agent on the HID bus: a sign-in online with the phone, one with a PIN that
# the phone tells while the offline key is tried, and both again at a desk that everything is taken from.
. /job/clients/lib
. /job/center
sh /job/guest/cable in "$ENTRA_PORT"
trap 'sh /job/guest/cable out "$ENTRA_PORT"' EXIT

at_computer() { /run/bin/entrasim-windows --state computer "$@"; }
joins() {
	echo "$ADMINISTRATOR_PASSWORD" | at_computer join --authority "https://localhost:$ENTRA_PORT" --ca /job/entra.pem --tenant "$DOMAIN" --user "$ADMINISTRATOR" --password-file -
}
steps() { # steps PASSED SKIPPED PIN: signs in, with so many steps
	echo "$3" | at_computer signin --key "hidraw:$key" --pin-file - >steps || { cat steps; return 1; }
	cat steps
	[ "$(grep -c '^[1-9]  passed' steps)" = "$1" ] && [ "$(grep -c '^[1-9]  skipped' steps)" = "$2" ] && grep -q "^Signed in: $SITTER" steps
}

timed "joined" joins
timed "signed in by the phone" steps 9 0 ''
sh /job/guest/desk away
/run/bin/postern-agent --dir /run/workstation offline try
until key=$(ls /dev/hidraw*); do sleep 0.2; done
timed "by a PIN" steps 9 0 "$(sh /job/guest/desk code)"
sh /job/guest/cable out "$ENTRA_PORT"
sh /job/guest/desk leave >devices || { cat devices; exit 1; }
key=$(tail -n 1 devices)
timed "by a PIN, offline" steps 5 4 "$(sh /job/guest/desk code)"
