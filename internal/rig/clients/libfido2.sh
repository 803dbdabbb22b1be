# libfido2's own tools: find the key, register, verify, sign in with the credential named and without, verify, and see that neither
# another challenge nor another relying party passes.
. /job/clients/lib

fido2-token -L | tee list
grep -q "^$key: vendor=0x1209, product=0x5057" list || fail "fido2-token -L does not list $key"
timed "get info" fido2-token -I "$key" | tee info
grep -q 'aaguid: 8a2082498aef41b3907f776d51e6526f' info || fail "another AAGUID"
grep -q 'version strings:.*FIDO_2_1' info || fail "not FIDO_2_1"
grep -q 'options:.*\buv\b' info || fail "no built-in user verification"

{ hash "first challenge"; echo postern.example; echo alice; printf user-1 | base64; } >registration
timed registered fido2-cred -M -r -v -i registration -o credential "$key" es256
sed -n 5p credential >id
fido2-cred -V -i credential es256 | sed 1d >public.pem

{ hash "second challenge"; echo postern.example; cat id; } >request
timed "signed in" fido2-assert -G -t uv=true -i request -o assertion "$key"
fido2-assert -V -p -v -i assertion public.pem es256
{ hash "another challenge"; sed 1d assertion; } >forged
if fido2-assert -V -i forged public.pem es256 2>/dev/null; then fail "an assertion for another challenge passes"; fi

{ hash "third challenge"; echo postern.example; } >request
timed "signed in without a name" fido2-assert -G -r -t uv=true -i request -o assertion "$key"
fido2-assert -V -p -v -i assertion public.pem es256
[ "$(sed -n 5p assertion | base64 -d)" = user-1 ] || fail "another user: $(cat assertion)"

{ hash "fourth challenge"; echo other.example; cat id; } >request
if fido2-assert -G -i request -o stolen "$key" 2>refusal; then fail "another relying party gets an assertion"; fi
cat refusal
