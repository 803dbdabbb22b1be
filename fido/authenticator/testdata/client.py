"""Drives the authenticator with python-fido2, an independent client library.

See pipe.py for how they speak.
"""

import os

from fido2 import cbor
from fido2.cose import ES256
from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2, ClientPin, PinProtocolV1, PinProtocolV2

from pipe import Pipe, check

ctap = Ctap2(Pipe(), strict_cbor=True)
info = ctap.info
check("versions", info.versions == ["FIDO_2_0", "FIDO_2_1"])
check("options", info.options["rk"] and info.options["uv"] and info.options["pinUvAuthToken"])
check("protocols", info.pin_uv_protocols == [2, 1])
check("extensions", info.extensions == ["credProtect", "hmac-secret", "hmac-secret-mc", "credBlob"])

# This release of the library looks for clientPin alone, though CTAP 2.1 gives
# tokens to authenticators that have only pinUvAuthToken.
info.options.setdefault("clientPin", False)

client_data_hash = os.urandom(32)
rp = {"id": "example.com", "name": "Example"}
user = {"id": b"user-1", "name": "alex@example.com", "displayName": "Alex"}
params = [{"type": "public-key", "alg": -7}]

for protocol in (PinProtocolV1(), PinProtocolV2()):
    pin = ClientPin(ctap, protocol)
    check("uv retries", pin.get_uv_retries()[0] > 0)

    token = pin.get_uv_token(ClientPin.PERMISSION.MAKE_CREDENTIAL, rp["id"])
    made = ctap.make_credential(
        client_data_hash, rp, user, params,
        extensions={"credProtect": 2, "hmac-secret": True}, options={"rk": True},
        pin_uv_param=protocol.authenticate(token, client_data_hash), pin_uv_protocol=protocol.VERSION,
    )
    auth = made.auth_data
    check("attestation", made.fmt == "packed" and "x5c" in made.att_statement)
    check("flags", auth.is_user_present() and auth.is_user_verified() and auth.is_attested())
    check("extension outputs", auth.extensions == {"credProtect": 2, "hmac-secret": True})
    check("canonical authData", cbor.encode(auth.extensions) == bytes(auth)[-len(cbor.encode(auth.extensions)):])
    key = auth.credential_data.public_key
    check("public key", isinstance(key, ES256))

    token = pin.get_uv_token(ClientPin.PERMISSION.GET_ASSERTION, rp["id"])
    agreement, shared = pin._get_shared_secret()
    salts = os.urandom(64)
    salt_enc = protocol.encrypt(shared, salts)
    hmac_secret = {1: agreement, 2: salt_enc, 3: protocol.authenticate(shared, salt_enc), 4: protocol.VERSION}
    got = ctap.get_assertion(
        rp["id"], client_data_hash, extensions={"hmac-secret": hmac_secret},
        pin_uv_param=protocol.authenticate(token, client_data_hash), pin_uv_protocol=protocol.VERSION,
    )
    got.verify(client_data_hash, key)
    check("assertion verifies", True)
    check("user", got.user == user)
    check("hmac-secret", len(protocol.decrypt(shared, got.auth_data.extensions["hmac-secret"])) == 64)
    check("counter", got.auth_data.counter == 1)

    try:
        ctap.make_credential(
            client_data_hash, rp, user, params, options={"uv": True},
            exclude_list=[{"type": "public-key", "id": got.credential["id"]}],
        )
        check("excluded", False)
    except CtapError as e:
        check("excluded", e.code == CtapError.ERR.CREDENTIAL_EXCLUDED)

try:
    ctap.get_assertion("example.org", client_data_hash)
    check("another relying party", False)
except CtapError as e:
    check("another relying party", e.code == CtapError.ERR.NO_CREDENTIALS)
ctap.selection()
check("selection", True)
