# Our own command line, at the machine of an administrator: it finds the key on the HID bus, gives it a PIN, and registers a passkey on
# it on behalf of a user. libfido2 then tells what is on the key.
. /job/clients/lib
. /job/center
# A token travels in the clear to this very machine alone, so the control center has to seem to be here.
sh /job/guest/cable in "$CENTER_PORT"
trap 'sh /job/guest/cable out "$CENTER_PORT"' EXIT

provision() { /run/bin/postern passkeys provision "$UPN" --security-key --device "$key" "$@"; }
made() { provision --generate-pin --json >made.json; }
timed "passkey registered for a user" made
grep -q '"state": *"active"' made.json || { cat made.json; fail "the passkey is not active"; }
pin=$(sed -n 's/.*"new_pin": *"\([0-9]*\)".*/\1/p' made.json)
[ -n "$pin" ] || { cat made.json; fail "no PIN was made"; }

/run/bin/postern passkeys list "$UPN" | grep 'security key' || fail "the control center does not list it"
printf '%s\n' "$pin" | fido2-token -L -k login.microsoft.com "$key" | tee passkeys
[ "$(grep -c es256 passkeys)" = 1 ] || fail "the key does not hold one passkey of Entra"

printf '%s\n' "$pin" >pin
if provision --pin-file pin 2>refusal; then fail "a second passkey of the same user is made"; fi
grep -q security_key_registered_already refusal || { cat refusal; fail "the second passkey is refused for another reason"; }
