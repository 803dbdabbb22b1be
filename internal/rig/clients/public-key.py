"""The public key, in PEM, of a user's passkey of a model, from what the emulated tenant shows of the user."""

import base64
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fido2 import cbor

(passkey,) = [p for p in json.load(sys.stdin)["passkeys"] if p["aaguid"] == sys.argv[1]]
key = cbor.decode(base64.urlsafe_b64decode(passkey["public_key"] + "=="))
x, y = (int.from_bytes(key[n], "big") for n in (-2, -3))
public = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
print(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode(), end="")
