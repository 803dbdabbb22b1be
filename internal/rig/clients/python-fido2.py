"""python-fido2, an independent client and relying party: register with a resident key, sign in named and nameless."""

import sys
import time

from fido2.client import ClientError, Fido2Client
from fido2.hid import CtapHidDevice
from fido2.server import Fido2Server

key = sys.argv[1]
device = next(d for d in CtapHidDevice.list_devices() if d.descriptor.path == key)
assert device.ping(b"rig" * 100) == b"rig" * 100
client = Fido2Client(device, "https://postern.example")
server = Fido2Server({"id": "postern.example", "name": "Postern's rig"}, attestation="none")


def timed(what, do):
    start = time.monotonic()
    result = do()
    print("@ %s %d" % (what, (time.monotonic() - start) * 1000), flush=True)
    return result


user = {"id": b"user-1", "name": "alice", "displayName": "Alice"}
options, state = server.register_begin(user, resident_key=True, user_verification="required")
made = timed("registered", lambda: client.make_credential(options["publicKey"]))
bound = server.register_complete(state, made.client_data, made.attestation_object)
assert bound.is_user_verified() and bound.credential_data.aaguid.hex() == "8a2082498aef41b3907f776d51e6526f", bound
credentials = [bound.credential_data]

for what, named in ("signed in", credentials), ("signed in without a name", None):
    options, state = server.authenticate_begin(named, user_verification="required")
    answer = timed(what, lambda: client.get_assertion(options["publicKey"])).get_response(0)
    server.authenticate_complete(
        state, credentials, answer.credential_id, answer.client_data, answer.authenticator_data, answer.signature
    )
    assert answer.user_handle == user["id"], answer.user_handle

options, state = server.register_begin(user, credentials, resident_key=True, user_verification="required")
try:
    client.make_credential(options["publicKey"])
    sys.exit("a second credential is made beside an excluded one")
except ClientError as refusal:
    assert refusal.code == ClientError.ERR.DEVICE_INELIGIBLE, refusal
