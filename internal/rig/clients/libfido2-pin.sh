# libfido2's own tools with a key that knows its user by a PIN: set it, register and sign in with it, and see a wrong one refused.
# Where there is no terminal, they read PINs from standard input.
. /job/clients/lib

with() { # with LINES COMMAND...
	lines=$1
	shift
	printf "$lines" | "$@"
}
timed "PIN set" with '123456\n123456\n' fido2-token -S "$key"
fido2-token -I "$key" | grep -q 'options:.*, clientPin' || fail "no PIN is set"

{ hash "first challenge"; echo postern.example; echo alice; printf user-1 | base64; } >registration
timed registered with '123456\n' fido2-cred -M -r -v -i registration -o credential "$key" es256
fido2-cred -V -v -i credential es256 | sed 1d >public.pem
{ hash "second challenge"; echo postern.example; } >request
timed "signed in without a name" with '123456\n' fido2-assert -G -r -v -i request -o assertion "$key"
fido2-assert -V -p -v -i assertion public.pem es256

if with '654321\n' fido2-assert -G -r -v -i request -o stolen "$key" 2>refusal; then fail "a wrong PIN passes"; fi
cat refusal
grep -q FIDO_ERR_PIN_INVALID refusal || fail "a wrong PIN is refused for another reason"
fido2-token -I "$key" | grep -q 'pin retries: 7' || fail "the wrong PIN was not counted"
