"""Drives credential management, large blobs and U2F with python-fido2, an
independent client library.

See pipe.py for how they speak.
"""

import os
from hashlib import sha256

from fido2.ctap import CtapError
from fido2.ctap1 import APDU, ApduError, Ctap1
from fido2.ctap2 import Ctap2, ClientPin, CredentialManagement, LargeBlobs, PinProtocolV1, PinProtocolV2

from pipe import Pipe, check, refused

pipe = Pipe()
ctap = Ctap2(pipe, strict_cbor=True)
check("versions", ctap.info.versions == ["FIDO_2_0", "FIDO_2_1", "U2F_V2"])
check("options", ctap.info.options["credMgmt"] and ctap.info.options["largeBlobs"])
# This release of the library looks for clientPin alone, though CTAP 2.1 gives
# tokens to authenticators that have only pinUvAuthToken.
ctap.info.options.setdefault("clientPin", False)

client_data_hash = os.urandom(32)
params = [{"type": "public-key", "alg": -7}]
RESULT, PERMISSION = CredentialManagement.RESULT, ClientPin.PERMISSION


def register(rp_id, user_id, extensions=None):
    return ctap.make_credential(
        client_data_hash, {"id": rp_id, "name": "RP " + rp_id},
        {"id": user_id, "name": user_id.decode(), "displayName": "D"}, params,
        extensions=extensions, options={"rk": True, "uv": True},
    )


for protocol in (PinProtocolV1(), PinProtocolV2()):
    pin = ClientPin(ctap, protocol)

    def manager(rp_id=None):
        return CredentialManagement(ctap, protocol, pin.get_uv_token(PERMISSION.CREDENTIAL_MGMT, rp_id))

    check("nothing stored", manager().get_metadata()[RESULT.EXISTING_CRED_COUNT] == 0)
    refused("no relying parties", CtapError.ERR.NO_CREDENTIALS, manager().enumerate_rps)
    made = {}
    for rp_id, user_id in (("a.example", b"1"), ("b.example", b"1"), ("a.example", b"2")):
        made[rp_id, user_id] = register(rp_id, user_id, {"credProtect": 2, "largeBlobKey": True})
    m = manager()
    check("three stored", m.get_metadata()[RESULT.EXISTING_CRED_COUNT] == 3)
    rps = m.enumerate_rps()
    check("relying parties", [r[RESULT.RP]["id"] for r in rps] == ["a.example", "b.example"])
    check("hashes", all(r[RESULT.RP_ID_HASH] == sha256(r[RESULT.RP]["id"].encode()).digest() for r in rps))
    creds = m.enumerate_creds(rps[0][RESULT.RP_ID_HASH])
    check("credentials, newest first", [c[RESULT.USER]["id"] for c in creds] == [b"2", b"1"])
    for c in creds:
        attested = made["a.example", c[RESULT.USER]["id"]]
        check("id", c[RESULT.CREDENTIAL_ID]["id"] == attested.auth_data.credential_data.credential_id)
        check("key", c[RESULT.PUBLIC_KEY] == dict(attested.auth_data.credential_data.public_key))
        check("protection", c[RESULT.CRED_PROTECT] == 2)
        check("blob key", c[RESULT.LARGE_BLOB_KEY] == attested.large_blob_key)

    bound = manager("a.example")
    refused("bound token, all relying parties", CtapError.ERR.PIN_AUTH_INVALID, bound.enumerate_rps)
    refused("bound token, another", CtapError.ERR.PIN_AUTH_INVALID, bound.enumerate_creds, rps[1][RESULT.RP_ID_HASH])
    bound.update_user_info(creds[0][RESULT.CREDENTIAL_ID], {"id": b"2", "name": "renamed"})
    check("renamed", bound.enumerate_creds(rps[0][RESULT.RP_ID_HASH])[0][RESULT.USER] == {"id": b"2", "name": "renamed"})

    key = made["a.example", b"1"].large_blob_key
    blobs = LargeBlobs(ctap, protocol, pin.get_uv_token(PERMISSION.LARGE_BLOB_WRITE))
    check("no blob", blobs.get_blob(key) is None)
    blobs.put_blob(key, b"a certificate" * 40)
    other = made["b.example", b"1"].large_blob_key
    blobs.put_blob(other, b"another")
    pipe.power_cycle()
    check("blob", blobs.get_blob(key) == b"a certificate" * 40 and blobs.get_blob(other) == b"another")
    got = ctap.get_assertion("b.example", client_data_hash, extensions={"largeBlobKey": True}, options={"uv": True})
    check("blob key by assertion", got.large_blob_key == other)
    blobs = LargeBlobs(ctap, protocol, pin.get_uv_token(PERMISSION.LARGE_BLOB_WRITE))
    blobs.delete_blob(key)
    blobs.delete_blob(other)
    check("deleted", blobs.read_blob_array() == [])

    m = manager()
    for rp in rps:
        for c in m.enumerate_creds(rp[RESULT.RP_ID_HASH]):
            m.delete_cred(c[RESULT.CREDENTIAL_ID])
    check("all deleted", m.get_metadata()[RESULT.EXISTING_CRED_COUNT] == 0)


def touched(what, f, *args):
    """Polls as browsers do."""
    for _ in range(100000):
        try:
            return f(*args)
        except ApduError as e:
            check("%s waits for a touch" % what, e.code == APDU.USE_NOT_SATISFIED)
    check("%s is touched" % what, False)


u2f = Ctap1(pipe)
application = sha256(b"https://app.example").digest()
check("U2F version", u2f.get_version() == "U2F_V2")
reg = touched("registration", u2f.register, client_data_hash, application)
reg.verify(application, client_data_hash)
check("registration verifies", True)
for count in (1, 2):
    sig = touched("authentication", u2f.authenticate, client_data_hash, application, reg.key_handle)
    sig.verify(application, client_data_hash, reg.public_key)
    check("authentication verifies", sig.counter == count and sig.user_presence == 1)
for handle, code in ((reg.key_handle, APDU.USE_NOT_SATISFIED), (b"unknown", APDU.WRONG_DATA)):
    try:
        u2f.authenticate(client_data_hash, application, handle, True)
        check("check only", False)
    except ApduError as e:
        check("check only: %s" % e, e.code == code)
