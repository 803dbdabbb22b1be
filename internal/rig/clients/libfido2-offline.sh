# libfido2's own tools with the agent's key for signing in offline, which has a PIN that only the phone can tell, and each of them once:
# they see a key with a PIN that manages nothing, register nothing on it, see a wrong PIN refused and counted, and sign in at Entra's
# relying party. That the signature is of the passkey which Entra has is checked with the public key that Entra keeps.
# Where there is no terminal, they read PINs from standard input.
. /job/clients/lib
. /job/center

types() { # types PIN COMMAND...
	pin=$1
	shift
	printf '%s\n' "$pin" | "$@"
}
refused() { # refused WHY COMMAND...
	why=$1
	shift
	if "$@" 2>refusal; then fail "not refused: $*"; fi
	cat refusal
	grep -q "$why" refusal || fail "refused for another reason than $why"
}
tries() { fido2-token -I "$key" | grep -q "^pin retries: $1" || fail "there are not $1 tries"; }

grep -q 'HID_NAME=.*Phone of the desk' "/sys/class/hidraw/${key#/dev/}/device/uevent" || fail "the phone's key does not have its name"
fido2-token -I "$key" | grep -q 'options:.*\buv\b' || fail "the phone's key does not verify its user by itself"

sh /job/guest/desk leave >devices || { cat devices; exit 1; }
key=$(tail -n 1 devices)
grep -q 'HID_NAME=.*offline' "/sys/class/hidraw/${key#/dev/}/device/uevent" || fail "this is not the offline key"
fido2-token -L | tee list
grep -q "^$key: vendor=0x1209, product=0x5057" list || fail "fido2-token -L does not list $key"
timed "get info" fido2-token -I "$key" | tee info
grep -q 'aaguid: 76c9bd5a24bb48e398001a6bae8c9031' info || fail "another AAGUID"
grep -q 'options:.*, clientPin' info || fail "no PIN is set"
if grep -q 'options:.*\(, uv\b\|nouv\b\|credMgmt\|credentialMgmtPreview\)' info; then fail "it offers more than a PIN"; fi
tries 8

{ hash "first challenge"; echo login.microsoft.com; echo alice; printf user-1 | base64; } >registration
refused FIDO_ERR_KEY_STORE_FULL types "$(sh /job/guest/desk code)" fido2-cred -M -r -v -i registration -o stolen "$key" es256
refused FIDO_ERR_INVALID_COMMAND fido2-token -R "$key"

{ hash "second challenge"; echo login.microsoft.com; hash salt; } >request
code=$(sh /job/guest/desk code)
case $code in 0*) wrong=1${code#?} ;; *) wrong=0${code#?} ;; esac
refused FIDO_ERR_PIN_INVALID types "$wrong" fido2-assert -G -r -p -v -h -i request -o stolen "$key"
tries 7
timed "signed in" types "$code" fido2-assert -G -r -p -v -h -i request -o assertion "$key"
tries 8
refused FIDO_ERR_PIN_INVALID types "$code" fido2-assert -G -r -p -v -h -i request -o stolen "$key"

curl -sS --cacert /job/entra.pem --connect-to "::10.0.2.2:$ENTRA_PORT" "$ENTRA/_entrasim/tenants/first/users/$SITTER" >user.json
python3 /job/clients/public-key.py 76c9bd5a-24bb-48e3-9800-1a6bae8c9031 <user.json >public.pem
fido2-assert -V -p -v -h -i assertion public.pem es256
{ hash "another challenge"; sed 1d assertion; } >forged
if fido2-assert -V -i forged public.pem es256 2>/dev/null; then fail "an assertion for another challenge passes"; fi
