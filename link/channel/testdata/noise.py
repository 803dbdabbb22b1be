# Both handshakes once more, written from the text of the Noise Protocol Framework (revision 34) on the primitives of
# python3-cryptography. Reads the fixed inputs as JSON on standard input, prints what must go over the wire.
import hashlib, hmac, json, sys
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def dh(private, peer):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))


def hkdf(key, material, n, info=b""):  # RFC 5869; Noise uses it with an empty info
    prk = hmac.digest(key, material, "sha256")
    out, last = [], b""
    for i in range(1, n + 1):
        last = hmac.digest(prk, last + info + bytes([i]), "sha256")
        out.append(last)
    return out


class Cipher:
    def __init__(self, key):
        self.aead, self.n = ChaCha20Poly1305(key), 0

    def seal(self, plaintext, ad=b""):
        nonce = bytes(4) + self.n.to_bytes(8, "little")
        self.n += 1
        return self.aead.encrypt(nonce, plaintext, ad)


class Symmetric:
    def __init__(self, name, prologue):
        self.h = name.ljust(32, b"\0") if len(name) <= 32 else hashlib.sha256(name).digest()
        self.ck = self.h
        self.mix_hash(prologue)

    def mix_hash(self, data):
        self.h = hashlib.sha256(self.h + data).digest()

    def mix_key(self, material):
        self.ck, key = hkdf(self.ck, material, 2)
        self.cipher = Cipher(key)

    def mix_key_and_hash(self, material):
        self.ck, part, key = hkdf(self.ck, material, 3)
        self.mix_hash(part)
        self.cipher = Cipher(key)

    def seal(self, plaintext):
        sealed = self.cipher.seal(plaintext, self.h)
        self.mix_hash(sealed)
        return sealed

    def split(self):
        return [Cipher(key) for key in hkdf(self.ck, b"", 2)]


def text(s):
    b = s.encode()
    return (bytes([0x60 + len(b)]) if len(b) < 24 else bytes([0x78, len(b)])) + b


def introduction(name, ident, software, commitment=None):
    body = b"\x01" + text(name) + b"\x02" + text(ident) + b"\x03" + text(software)
    if commitment is None:
        return b"\xa3" + body
    return b"\xa4" + body + b"\x04\x58\x20" + commitment


def padded(content):
    plain = len(content).to_bytes(2, "big") + content
    return plain + bytes(-len(plain) % 256)


def kk(i, r, ei, er, prologue):  # -> s, <- s; e, es, ss; e, ee, se
    s = Symmetric(b"Noise_KK_25519_ChaChaPoly_SHA256", prologue)
    s.mix_hash(public(i))
    s.mix_hash(public(r))
    s.mix_hash(public(ei))
    s.mix_key(dh(ei, public(r)))
    s.mix_key(dh(i, public(r)))
    first = public(ei) + s.seal(b"")
    s.mix_hash(public(er))
    s.mix_key(dh(er, public(ei)))
    s.mix_key(dh(er, public(i)))
    return first, public(er) + s.seal(b""), s


def ik_psk2(i, r, ei, er, psk, prologue, one, two):  # <- s; e, es, s, ss; e, ee, se, psk
    s = Symmetric(b"Noise_IKpsk2_25519_ChaChaPoly_SHA256", prologue)
    s.mix_hash(public(r))
    s.mix_hash(public(ei))
    s.mix_key(public(ei))
    s.mix_key(dh(ei, public(r)))
    first = public(ei) + s.seal(public(i))
    s.mix_key(dh(i, public(r)))
    first += s.seal(one)
    s.mix_hash(public(er))
    s.mix_key(public(er))
    s.mix_key(dh(er, public(ei)))
    s.mix_key(dh(er, public(i)))
    s.mix_key_and_hash(psk)
    return first, public(er) + s.seal(two), s


given = json.load(sys.stdin)
raw = {k: bytes.fromhex(v) for k, v in given.items() if k != "parts"}
parts = [b"postern/link/v1"] + [p.encode() for p in given["parts"]] + [raw["pairing"]]
prologue = b"".join(len(p).to_bytes(2, "big") + p for p in parts)

first, second, s = kk(raw["workstation"], raw["phone"], raw["e_workstation"], raw["e_phone"], prologue)
down, up = s.split()
cancel = bytes.fromhex("a201040201")
out = {"session": [first, second, down.seal(padded(cancel)), down.seal(padded(cancel)), up.seal(padded(b"\xa1\x01\x06"))]}

commitment = hashlib.sha256(b"postern/link/commit" + raw["nonce"]).digest()
first, second, s = ik_psk2(
    raw["phone"], raw["workstation"], raw["e_phone"], raw["e_workstation"], raw["secret"], prologue,
    introduction("Ana's phone", "phn_1", "postern 1.0", commitment), introduction("LAPTOP-7", "wks_1", "postern-agent 1.0"))
up, down = s.split()
out["pairing"] = [first, second, up.seal(padded(bytes.fromhex("a20107085820") + raw["nonce"])), down.seal(padded(cancel))]
digits = hkdf(bytes(32), s.h + raw["nonce"], 1, b"postern/link/digits")[0][:4]
answer = {k: [m.hex() for m in v] for k, v in out.items()}
answer["digits"] = ["%03d" % (int.from_bytes(digits, "big") % 1000)]
json.dump(answer, sys.stdout, indent=1)
