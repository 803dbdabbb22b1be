"""Drives a security key at a simulator port with python-fido2, a client library
written by others.

Usage: securitykey.py HOST:PORT SCENARIO

Every scenario expects a new key. Progress is told on stderr; the exit status is
0 when every check holds. All answers have to be canonical CBOR, which the library
checks by encoding what it has decoded.
"""

import os
import socket
import struct
import sys
from threading import Event

from cryptography import x509
from fido2 import cbor
from fido2.attestation import Attestation
from fido2.cose import CoseKey
from fido2.ctap import CtapError
from fido2.ctap1 import APDU, ApduError, Ctap1
from fido2.ctap2 import (
    ClientPin, Config, CredentialManagement, Ctap2, LargeBlobs, PinProtocolV1, PinProtocolV2,
)
from fido2.hid import CAPABILITY, CTAPHID, CtapHidDevice
from fido2.hid.base import HidDescriptor
from fido2.utils import sha256

ADDRESS = (sys.argv[1].split(":")[0], int(sys.argv[1].split(":")[1]))
POWER_CYCLE = bytes.fromhex(
    "ac1052ca95e569de69e02ebff333485f13f9b2da34c5a8a340526697a9ab2e0b"
    "394d8d04973c134005be1a0140bff6045bb26eb77a73eaa47813f6b49a7250dc"
)

RP = {"id": "example.com", "name": "Example"}
HASH = os.urandom(32)
ES256 = [{"type": "public-key", "alg": -7}]
PERMIT = ClientPin.PERMISSION
ERR = CtapError.ERR
ERR_UV_REQUIRED = 0x36  # this release of the library calls it PIN_REQUIRED
PROTOCOLS = (PinProtocolV1(), PinProtocolV2())


class Port:
    """A connection as the library wants it: packets of 64 bytes."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(20)
        self.socket.connect(ADDRESS)

    def write_packet(self, data):
        assert len(data) == 64
        self.socket.send(data)

    def read_packet(self):
        data = self.socket.recv(1024)
        assert len(data) == 64
        return data

    def close(self):
        self.socket.close()


def connect():
    device = CtapHidDevice(HidDescriptor("udp", 0, 0, 64, 64), Port())
    return device, Ctap2(device, strict_cbor=True)


def power_cycle():
    port = Port()
    port.write_packet(POWER_CYCLE)
    port.close()
    return connect()


def check(what, ok):
    print(("ok   " if ok else "FAIL ") + what, file=sys.stderr)
    if not ok:
        sys.exit(1)


def fails(what, code, f, *args, **kwargs):
    try:
        f(*args, **kwargs)
    except (CtapError, ApduError) as e:
        check("%s: 0x%02x, wanted 0x%02x" % (what, e.code, code), e.code == code)
    else:
        check("%s is refused" % what, False)


def user(name):
    return {"id": name.encode(), "name": name + "@example.com", "displayName": name.title()}


def descriptor(made):
    return {"type": "public-key", "id": made.auth_data.credential_data.credential_id}


def canonical(auth):
    """The two pieces of CBOR inside authenticator data, which nothing else decodes."""
    data = bytes(auth)
    tail = b""
    if auth.is_attested():
        tail += cbor.encode(dict(auth.credential_data.public_key))
    if auth.has_extension_data():
        tail += cbor.encode(auth.extensions)
    return data.endswith(tail)


def register(ctap, name="alex", rp=RP, alg=-7, rk=False, extensions=None, protocol=None, token=None, **more):
    auth = {}
    if token:
        auth = {"pin_uv_param": protocol.authenticate(token, HASH), "pin_uv_protocol": protocol.VERSION}
    made = ctap.make_credential(
        HASH, rp, user(name), [{"type": "public-key", "alg": alg}],
        extensions=extensions, options={"rk": True} if rk else None, **auth, **more)
    auth_data = made.auth_data
    check("made for %s" % rp["id"], auth_data.rp_id_hash == sha256(rp["id"].encode()))
    check("flags", auth_data.is_user_present() and auth_data.is_attested() and auth_data.is_user_verified() == bool(token))
    check("authData is canonical", canonical(auth_data))
    check("attestation is packed", made.fmt == "packed")
    result = Attestation.for_type("packed")().verify(made.att_statement, auth_data, HASH)
    check("attestation by certificate", len(result.trust_path) == 1)
    leaf = x509.load_der_x509_certificate(result.trust_path[0])
    check("five years", (leaf.not_valid_after - leaf.not_valid_before).days > 5 * 366)
    return made


def sign(ctap, made, rp=RP, protocol=None, token=None, allow=True, **more):
    auth = {}
    if token:
        auth = {"pin_uv_param": protocol.authenticate(token, HASH), "pin_uv_protocol": protocol.VERSION}
    got = ctap.get_assertion(rp["id"], HASH, [descriptor(made)] if allow else None, **auth, **more)
    got.verify(HASH, CoseKey.parse(made.auth_data.credential_data.public_key))
    check("assertion", got.credential == descriptor(made) and canonical(got.auth_data))
    check("verified", got.auth_data.is_user_verified() == bool(token))
    return got


def basic():
    device, ctap = connect()
    info = ctap.info
    check("versions", "FIDO_2_0" in info.versions and "FIDO_2_1" in info.versions and len(set(info.versions)) == len(info.versions))
    check("a plain key", info.options["rk"] and info.options["clientPin"] is False and "uv" not in info.options and "up" not in info.options)
    check("protocols", info.pin_uv_protocols == [2, 1])
    check("transports", info.transports == ["usb"])
    for alg in [a["alg"] for a in info.algorithms]:
        made = register(ctap, alg=alg)
        check("algorithm %d" % alg, made.auth_data.credential_data.public_key[3] == alg)
        counters = []
        for _ in range(3):
            got = sign(ctap, made)
            check("37 bytes, no user", len(bytes(got.auth_data)) == 37 and got.auth_data.flags & 0xF8 == 0 and got.user is None)
            check("no count", got.number_of_credentials is None)
            counters.append(got.auth_data.counter)
        check("counter", counters[0] < counters[1] < counters[2])
    made = ctap.make_credential(HASH, RP, user("alex"), ES256, options={"up": True})
    check("option up true", made.auth_data.is_user_present())
    silent = sign(ctap, made, options={"up": False})
    check("silent", not silent.auth_data.is_user_present())
    fails("excluded", ERR.CREDENTIAL_EXCLUDED, ctap.make_credential, HASH, RP, user("alex"), ES256, [descriptor(made)])
    fails("option up false", 0x2C, ctap.make_credential, HASH, RP, user("alex"), ES256, options={"up": False})
    fails("unsupported algorithm", ERR.UNSUPPORTED_ALGORITHM, ctap.make_credential, HASH, RP, user("alex"), [{"type": "public-key", "alg": -999}])
    fails("algorithm without type", ERR.MISSING_PARAMETER, ctap.make_credential, HASH, RP, user("alex"), [{"alg": -7}])
    fails("nobody's credential", ERR.NO_CREDENTIALS, ctap.get_assertion, RP["id"], HASH, [{"type": "public-key", "id": b"x" * 32}])
    fails("empty list", ERR.NO_CREDENTIALS, ctap.get_assertion, RP["id"], HASH, [])
    fails("rk in an assertion", 0x2B, ctap.get_assertion, RP["id"], HASH, options={"rk": True})
    fails("zero-length pinUvAuthParam without a PIN", ERR.PIN_NOT_SET, ctap.make_credential, HASH, RP, user("alex"), ES256, pin_uv_param=b"")
    fails("unknown command", 0x01, ctap.send_cbor, 0x3F)
    ctap.selection()
    made = [register(ctap, name, rk=True) for name in ("alex", "bobbie", "charlie", "dana")]
    got = ctap.get_assertions(RP["id"], HASH)
    check("newest first", [g.credential for g in got] == [descriptor(m) for m in reversed(made)])
    check("counted once", got[0].number_of_credentials == 4 and not any(g.number_of_credentials for g in got[1:]))
    check("only ids without verification", [g.user for g in got] == [{"id": n} for n in (b"dana", b"charlie", b"bobbie", b"alex")])
    again = register(ctap, "alex", rk=True)
    check("a passkey is replaced", descriptor(again) != descriptor(made[0]))
    check("none is added", ctap.get_assertion(RP["id"], HASH).number_of_credentials == 4)


def pin():
    device, ctap = connect()
    client = ClientPin(ctap)
    agreement, shared = client._get_shared_secret()
    for length, what in ((64, "64 characters"), (3, "three characters")):
        padded = (b"1" * length).ljust(64, b"\0")
        enc = client.protocol.encrypt(shared, padded)
        fails("a PIN of " + what, ERR.PIN_POLICY_VIOLATION, ctap.client_pin, client.protocol.VERSION, ClientPin.CMD.SET_PIN,
              key_agreement=agreement, new_pin_enc=enc, pin_uv_param=client.protocol.authenticate(shared, enc))
    fails("a token without a PIN", ERR.PIN_NOT_SET, client.get_pin_token, "1234", PERMIT.MAKE_CREDENTIAL, RP["id"])
    client.set_pin("1234")
    device, ctap = connect()
    check("clientPin", ctap.info.options["clientPin"] is True)
    fails("a second setPIN", ERR.PIN_AUTH_INVALID, client.set_pin, "5678")
    fails("registration without a token", ERR_UV_REQUIRED, ctap.make_credential, HASH, RP, user("alex"), ES256)
    fails("zero-length pinUvAuthParam", ERR.PIN_INVALID, ctap.make_credential, HASH, RP, user("alex"), ES256, pin_uv_param=b"")
    fails("zero-length pinUvAuthParam to sign in", ERR.PIN_INVALID, ctap.get_assertion, RP["id"], HASH, pin_uv_param=b"")

    for protocol in PROTOCOLS:
        client = ClientPin(ctap, protocol)
        token = client.get_pin_token("1234", PERMIT.MAKE_CREDENTIAL | PERMIT.GET_ASSERTION, RP["id"])
        made = register(ctap, rk=True, protocol=protocol, token=token)
        fails("a spent token", ERR.PIN_AUTH_INVALID, register, ctap, protocol=protocol, token=token)
        token = client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
        fails("a token for another permission", ERR.PIN_AUTH_INVALID, register, ctap, protocol=protocol, token=token)
        fails("a token for another relying party", ERR.PIN_AUTH_INVALID, ctap.get_assertion, "example.org", HASH,
              pin_uv_param=protocol.authenticate(token, HASH), pin_uv_protocol=protocol.VERSION)
        got = sign(ctap, made, protocol=protocol, token=token, allow=False)
        check("the user is told", got.user == user("alex"))
        check("without a token only the id", sign(ctap, made).user == {"id": b"alex"})
        client._supports_permissions = False  # the way of CTAP 2.0
        token = client.get_pin_token("1234")
        register(ctap, protocol=protocol, token=token)

    client = ClientPin(ctap)
    check("eight tries", client.get_pin_retries()[0] == 8)
    client.change_pin("1234", "abcdefgh")
    fails("the old PIN", ERR.PIN_INVALID, client.get_pin_token, "1234", PERMIT.GET_ASSERTION, RP["id"])
    check("seven tries", client.get_pin_retries()[0] == 7)
    fails("the wrong PIN for a new one", ERR.PIN_INVALID, client.change_pin, "1234", "9999")
    fails("the third", ERR.PIN_AUTH_BLOCKED, client.get_pin_token, "1234", PERMIT.GET_ASSERTION, RP["id"])
    fails("the right one then", ERR.PIN_AUTH_BLOCKED, client.get_pin_token, "abcdefgh", PERMIT.GET_ASSERTION, RP["id"])
    left, power_cycle_needed = client.get_pin_retries()
    check("told so", left == 5 and power_cycle_needed)
    device, ctap = power_cycle()
    client = ClientPin(ctap)
    token = client.get_pin_token("abcdefgh", PERMIT.GET_ASSERTION, RP["id"])
    check("the right one after a power cycle", client.get_pin_retries()[0] == 8)
    sign(ctap, made, protocol=client.protocol, token=token)
    codes = []
    while len(codes) < 8:
        try:
            client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
        except CtapError as e:
            codes.append(e.code)
            if e.code == ERR.PIN_AUTH_BLOCKED:
                device, ctap = power_cycle()
                client = ClientPin(ctap)
    check("wrong PINs: %s" % codes, codes == [0x31, 0x31, 0x34, 0x31, 0x31, 0x34, 0x31, 0x32])
    fails("the right one at last", ERR.PIN_BLOCKED, client.get_pin_token, "abcdefgh", PERMIT.GET_ASSERTION, RP["id"])
    power_cycle()[1].reset()
    device, ctap = connect()
    check("a reset takes the PIN away", ctap.info.options["clientPin"] is False)


def uv():
    """Against a key with built-in user verification."""
    device, ctap = connect()
    check("uv", ctap.info.options["uv"] is True)
    for protocol in PROTOCOLS:
        token = ClientPin(ctap, protocol).get_uv_token(PERMIT.MAKE_CREDENTIAL | PERMIT.GET_ASSERTION, RP["id"])
        made = register(ctap, rk=True, protocol=protocol, token=token)
        token = ClientPin(ctap, protocol).get_uv_token(PERMIT.GET_ASSERTION, RP["id"])
        check("the user is told", sign(ctap, made, protocol=protocol, token=token, allow=False).user == user("alex"))
    made = ctap.make_credential(HASH, RP, user("alex"), ES256, options={"uv": True})
    check("by option", made.auth_data.is_user_verified())


def many():
    """As many passkeys for one relying party as a list may name, with the longest names."""
    device, ctap = connect()
    ClientPin(ctap).set_pin("1234")
    device, ctap = connect()
    client = ClientPin(ctap)
    people = []
    for i in range(ctap.info.max_creds_in_list):
        people.append({"id": bytes([i]) * 64, "name": "n" * 64, "displayName": "d" * 64, "icon": "i" * 128})
        token = client.get_pin_token("1234", PERMIT.MAKE_CREDENTIAL, RP["id"])
        made = ctap.make_credential(HASH, RP, people[-1], ES256, options={"rk": True},
                                    pin_uv_param=client.protocol.authenticate(token, HASH), pin_uv_protocol=client.protocol.VERSION)
    token = client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
    got = ctap.get_assertions(RP["id"], HASH, pin_uv_param=client.protocol.authenticate(token, HASH), pin_uv_protocol=client.protocol.VERSION)
    check("all of them, as they were", [g.user for g in got] == people[::-1])
    fails("one more than there are", ERR.NOT_ALLOWED, ctap.get_next_assertion)


def management():
    device, ctap = connect()
    check("offered", ctap.info.options["credMgmt"] is True)
    ClientPin(ctap).set_pin("1234")
    device, ctap = connect()
    for protocol in PROTOCOLS:
        client = ClientPin(ctap, protocol)
        places = [RP, {"id": "example.org", "name": "Another"}]
        made = []
        for rp in places:
            for name in ("alex", "bobbie"):
                token = client.get_pin_token("1234", PERMIT.MAKE_CREDENTIAL, rp["id"])
                made.append(register(ctap, name, rp=rp, rk=True, protocol=protocol, token=token))
        token = client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
        fails("without the permission", ERR.PIN_AUTH_INVALID, CredentialManagement(ctap, protocol, token).get_metadata)
        manager = CredentialManagement(ctap, protocol, client.get_pin_token("1234", PERMIT.CREDENTIAL_MGMT))
        before = manager.get_metadata()
        check("count", before[manager.RESULT.EXISTING_CRED_COUNT] == 4)
        found = {r[manager.RESULT.RP]["id"]: r[manager.RESULT.RP_ID_HASH] for r in manager.enumerate_rps()}
        check("relying parties", found == {rp["id"]: sha256(rp["id"].encode()) for rp in places})
        listed = manager.enumerate_creds(found["example.org"])
        check("passkeys", sorted(c[manager.RESULT.CREDENTIAL_ID]["id"] for c in listed) == sorted(descriptor(m)["id"] for m in made[2:]))
        check("keys", all(c[manager.RESULT.PUBLIC_KEY][3] == -7 for c in listed))
        manager.update_user_info(descriptor(made[2]), {"id": b"alex", "name": "new", "displayName": "New"})
        names = {c[manager.RESULT.USER]["id"]: c[manager.RESULT.USER].get("name") for c in manager.enumerate_creds(found["example.org"])}
        check("renamed", names == {b"alex": "new", b"bobbie": "bobbie@example.com"})
        for m in made[1:]:
            manager.delete_cred(descriptor(m))
        after = manager.get_metadata()
        check("room again", after[manager.RESULT.EXISTING_CRED_COUNT] == 1 and after[manager.RESULT.MAX_REMAINING_COUNT] == before[manager.RESULT.MAX_REMAINING_COUNT] + 3)
        fails("deleted", ERR.NO_CREDENTIALS, manager.delete_cred, descriptor(made[1]))
        fails("of a deleted one", ERR.NO_CREDENTIALS, ctap.get_assertion, "example.org", HASH)
        manager.delete_cred(descriptor(made[0]))
        check("none left", manager.get_metadata()[manager.RESULT.EXISTING_CRED_COUNT] == 0)


def extensions():
    device, ctap = connect()
    order = ctap.info.extensions
    check("some: %s" % order, "hmac-secret" in order and "credProtect" in order and "credBlob" in order)
    ClientPin(ctap).set_pin("1234")
    device, ctap = connect()
    for protocol in PROTOCOLS:
        client = ClientPin(ctap, protocol)
        token = client.get_pin_token("1234", PERMIT.MAKE_CREDENTIAL, RP["id"])
        asked = {"credBlob": b"b" * 32, "credProtect": 2, "hmac-secret": True}
        made = register(ctap, rk=True, extensions=asked, protocol=protocol, token=token)
        check("outputs", made.auth_data.extensions == {"credBlob": True, "credProtect": 2, "hmac-secret": True})
        fails("credProtect 2 without verification", ERR.NO_CREDENTIALS, ctap.get_assertion, RP["id"], HASH)

        def secrets(salts, verified, spoil=b"", **more):
            agreement, shared = client._get_shared_secret()
            enc = protocol.encrypt(shared, salts)
            asked = {1: agreement, 2: enc, 3: protocol.authenticate(shared, enc + spoil), 4: protocol.VERSION}
            got = sign(ctap, made, extensions={"hmac-secret": asked}, protocol=protocol, **more,
                       token=client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"]) if verified else None)
            return protocol.decrypt(shared, got.auth_data.extensions["hmac-secret"])

        one, two = os.urandom(32), os.urandom(32)
        check("the same for the same", secrets(one, True) == secrets(one, True))
        check("two at once", secrets(one + two, True) == secrets(one, True) + secrets(two, True))
        check("another without verification", secrets(one, False) != secrets(one, True) and secrets(one, False) == secrets(one, False))
        fails("salts not authentic", ERR.PIN_AUTH_INVALID, secrets, one, False, b"x")
        fails("a salt of 16 bytes", 0x02, secrets, one[:16], False)
        fails("in silence", 0x2B, secrets, one, False, options={"up": False})
        token = client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
        got = sign(ctap, made, extensions={"credBlob": True}, protocol=protocol, token=token)
        check("credBlob", got.auth_data.extensions == {"credBlob": b"b" * 32})


def blobs():
    device, ctap = connect()
    check("offered", ctap.info.options["largeBlobs"] is True and ctap.info.max_large_blob >= 1024)
    first = ctap.large_blobs(0, get=ctap.info.max_msg_size - 64)[1]
    check("17 bytes", first == b"\x80" + sha256(b"\x80")[:16])
    ClientPin(ctap).set_pin("1234")
    device, ctap = connect()
    for protocol in PROTOCOLS:
        client = ClientPin(ctap, protocol)
        token = client.get_pin_token("1234", PERMIT.MAKE_CREDENTIAL, RP["id"])
        made = register(ctap, rk=True, extensions={"largeBlobKey": True}, protocol=protocol, token=token)
        check("a key", len(made.large_blob_key) == 32)
        got = sign(ctap, made, extensions={"largeBlobKey": True})
        check("the same key", got.large_blob_key == made.large_blob_key)
        token = client.get_pin_token("1234", PERMIT.GET_ASSERTION, RP["id"])
        fails("without the permission", ERR.PIN_AUTH_INVALID, LargeBlobs(ctap, protocol, token).write_blob_array, [])
        blobs = LargeBlobs(ctap, protocol, client.get_pin_token("1234", PERMIT.LARGE_BLOB_WRITE))
        blobs.put_blob(made.large_blob_key, b"a certificate")
        check("kept", blobs.get_blob(made.large_blob_key) == b"a certificate")
        blobs.delete_blob(made.large_blob_key)
        check("deleted", blobs.get_blob(made.large_blob_key) is None)


def configuration():
    device, ctap = connect()
    ClientPin(ctap).set_pin("12345")
    device, ctap = connect()
    check("offered", ctap.info.options["authnrCfg"] is True and ctap.info.options["setMinPINLength"] is True)
    client = ClientPin(ctap)

    def config():
        return Config(ctap, client.protocol, client.get_pin_token("12345", PERMIT.AUTHENTICATOR_CFG))

    config().toggle_always_uv()
    check("alwaysUv", ctap.get_info().options["alwaysUv"] is True)
    fails("signing in without verification", ERR_UV_REQUIRED, ctap.get_assertion, RP["id"], HASH)
    config().toggle_always_uv()
    check("and no longer", ctap.get_info().options["alwaysUv"] is False)
    config().set_min_pin_length(5, [RP["id"]])
    check("at least five", ctap.get_info().min_pin_length == 5)
    fails("less", ERR.PIN_POLICY_VIOLATION, config().set_min_pin_length, 4)
    token = client.get_pin_token("12345", PERMIT.MAKE_CREDENTIAL, RP["id"])
    made = register(ctap, extensions={"minPinLength": True}, protocol=client.protocol, token=token)
    check("told to the relying party", made.auth_data.extensions == {"minPinLength": 5})
    config().set_min_pin_length(6)
    info = ctap.get_info()
    check("the PIN has to change", info.min_pin_length == 6 and info.force_pin_change)
    fails("before", ERR.PIN_POLICY_VIOLATION, client.get_pin_token, "12345", PERMIT.GET_ASSERTION, RP["id"])
    client.change_pin("12345", "123456")
    check("changed", not ctap.get_info().force_pin_change)


def reset():
    device, ctap = connect()
    made = register(ctap, rk=True)
    device, ctap = power_cycle()
    sign(ctap, made)
    ctap.reset()
    fails("after a reset", ERR.NO_CREDENTIALS, ctap.get_assertion, RP["id"], HASH, [descriptor(made)])


def polled(request, *args):
    """Sends a U2F request as platforms do: again and again until the user has touched the key."""
    while True:
        try:
            return request(*args)
        except ApduError as e:
            if e.code != APDU.USE_NOT_SATISFIED:
                raise


def u2f():
    device, ctap = connect()
    check("offered", "U2F_V2" in ctap.info.versions and not device.capabilities & CAPABILITY.NMSG)
    ctap1 = Ctap1(device)
    check("version", ctap1.get_version() == "U2F_V2")
    app = sha256(RP["id"].encode())
    registered = polled(ctap1.register, HASH, app)
    registered.verify(app, HASH)
    check("registered", len(registered.public_key) == 65)
    counters = []
    for _ in range(3):
        signed = polled(ctap1.authenticate, HASH, app, registered.key_handle)
        signed.verify(app, HASH, registered.public_key)
        check("touched", signed.user_presence == 1)
        counters.append(signed.counter)
    check("counter", counters[0] < counters[1] < counters[2])
    fails("check only", APDU.USE_NOT_SATISFIED, ctap1.authenticate, HASH, app, registered.key_handle, True)
    fails("another's", APDU.WRONG_DATA, ctap1.authenticate, HASH, sha256(b"example.org"), registered.key_handle)
    fails("another's, check only", APDU.WRONG_DATA, ctap1.authenticate, HASH, app, b"x" * 64, True)
    fails("class", 0x6E00, ctap1.send_apdu, 0x80, 3)
    fails("instruction", 0x6D00, ctap1.send_apdu, 0, 0x7F)
    got = ctap.get_assertion(RP["id"], HASH, [{"type": "public-key", "id": registered.key_handle}])
    got.verify(HASH, CoseKey.parse({1: 2, 3: -7, -1: 1, -2: registered.public_key[1:33], -3: registered.public_key[33:]}))
    check("a U2F credential in CTAP2", got.auth_data.counter > counters[2])
    made = register(ctap)
    key = made.auth_data.credential_data.public_key
    signed = polled(ctap1.authenticate, HASH, app, descriptor(made)["id"])
    signed.verify(app, HASH, b"\x04" + key[-2] + key[-3])
    check("a CTAP2 credential in U2F", True)


def hid():
    device, ctap = connect()
    data = os.urandom(1000)
    check("ping", device.ping(data) == data)
    device.wink()
    fails("unknown command", ERR.INVALID_COMMAND, device.call, 0x66)
    other, _ = connect()
    check("channels", other._channel_id != device._channel_id)
    device.lock(2)
    fails("locked out", ERR.CHANNEL_BUSY, other.ping)
    device.lock(0)
    check("let in", other.ping(b"x") == b"x")
    other._channel_id = 0xFFFFFFFF
    fails("ping on broadcast", ERR.INVALID_CHANNEL, other.ping)
    other._channel_id = 0x05040302
    check("a channel nobody allocated", other.ping(b"x") == b"x")


def cancel():
    """Against a key that asks a user who does not answer."""
    device, ctap = connect()
    event, heard = Event(), []

    def on_keepalive(status):
        heard.append(status)
        if status == 2:
            event.set()

    fails("cancelled", ERR.KEEPALIVE_CANCEL, ctap.make_credential, HASH, RP, user("alex"), ES256, event=event, on_keepalive=on_keepalive)
    check("a touch was asked for", heard[-1] == 2)
    check("alive", ctap.get_info().options["rk"])


globals()[sys.argv[2]]()
