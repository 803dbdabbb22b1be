"""Sets, changes, uses and misses a client PIN with python-fido2.

See pipe.py for how they speak.
"""

import os

from fido2.ctap import CtapError
from fido2.ctap2 import ClientPin, Config, Ctap2, PinProtocolV1, PinProtocolV2

from pipe import Pipe, check, refused

ERR = CtapError.ERR
PERMISSION = ClientPin.PERMISSION

device = Pipe()
ctap = Ctap2(device, strict_cbor=True)
check("no PIN", ctap.info.options["clientPin"] is False)
check("no uv", "uv" not in ctap.info.options)
check("minimum", ctap.info.min_pin_length == 4)

client_data_hash = os.urandom(32)
rp = {"id": "example.com", "name": "Example"}
user = {"id": b"user-1", "name": "alex@example.com"}
params = [{"type": "public-key", "alg": -7}]

for protocol in (PinProtocolV1(), PinProtocolV2()):
    pin = ClientPin(ctap, protocol)
    refused("no PIN to ask for", ERR.PIN_NOT_SET, pin.get_pin_token, "1234", PERMISSION.CREDENTIAL_MGMT)
    pin.set_pin("1234")
    check("set", ctap.get_info().options["clientPin"] is True)
    refused("set twice", ERR.PIN_AUTH_INVALID, pin.set_pin, "1234")
    pin.change_pin("1234", "p\u00e4sswort")

    refused("register without a token", ERR.PIN_REQUIRED, ctap.make_credential, client_data_hash, rp, user, params)
    token = pin.get_pin_token("p\u00e4sswort", PERMISSION.MAKE_CREDENTIAL, rp["id"])
    made = ctap.make_credential(
        client_data_hash, rp, user, params, options={"rk": True},
        pin_uv_param=protocol.authenticate(token, client_data_hash), pin_uv_protocol=protocol.VERSION,
    )
    check("registered verified", made.auth_data.is_user_verified() and made.auth_data.is_user_present())
    token = pin.get_pin_token("p\u00e4sswort", PERMISSION.GET_ASSERTION, rp["id"])
    got = ctap.get_assertion(
        rp["id"], client_data_hash,
        pin_uv_param=protocol.authenticate(token, client_data_hash), pin_uv_protocol=protocol.VERSION,
    )
    got.verify(client_data_hash, made.auth_data.credential_data.public_key)
    check("signed in verified", got.auth_data.is_user_verified())

    wrong = pin.get_pin_token, "4321", PERMISSION.CREDENTIAL_MGMT
    refused("first miss", ERR.PIN_INVALID, *wrong)
    check("7 retries", pin.get_pin_retries() == (7, False))
    refused("second miss", ERR.PIN_INVALID, *wrong)
    refused("third miss", ERR.PIN_AUTH_BLOCKED, *wrong)
    check("5 retries", pin.get_pin_retries() == (5, True))
    device.power_cycle()
    refused("fourth miss", ERR.PIN_INVALID, *wrong)
    pin.get_pin_token("p\u00e4sswort", PERMISSION.CREDENTIAL_MGMT)
    check("8 retries", pin.get_pin_retries() == (8, False))

    def config():
        return Config(ctap, protocol, pin.get_pin_token("p\u00e4sswort", PERMISSION.AUTHENTICATOR_CFG))

    refused("no permission", ERR.PIN_AUTH_INVALID, Config(ctap, protocol, pin.get_pin_token("p\u00e4sswort", PERMISSION.CREDENTIAL_MGMT)).toggle_always_uv)
    config().toggle_always_uv()
    check("alwaysUv", ctap.get_info().options["alwaysUv"] is True)
    refused("sign in without a token", ERR.PIN_REQUIRED, ctap.get_assertion, rp["id"], client_data_hash)
    config().set_min_pin_length(9, ["example.com"])
    info = ctap.get_info()
    check("the PIN is too short now", info.min_pin_length == 9 and info.force_pin_change is True)
    refused("the PIN has to change", ERR.PIN_POLICY_VIOLATION, pin.get_pin_token, "p\u00e4sswort", PERMISSION.CREDENTIAL_MGMT)
    pin.change_pin("p\u00e4sswort", "long enough")
    check("changed", ctap.get_info().force_pin_change is False)

    for status in (ERR.PIN_INVALID, ERR.PIN_INVALID, ERR.PIN_AUTH_BLOCKED) * 2 + (ERR.PIN_INVALID, ERR.PIN_BLOCKED, ERR.PIN_BLOCKED):
        refused("miss", status, *wrong)
        if status == ERR.PIN_AUTH_BLOCKED:
            device.power_cycle()
    device.power_cycle()
    ctap.reset()
    info = ctap.get_info()
    check("as new", info.options["clientPin"] is False and info.options["alwaysUv"] is False and info.min_pin_length == 4)
    check("8 retries", pin.get_pin_retries() == (8, False))
