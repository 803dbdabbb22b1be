"""The wire between python-fido2 and the authenticator under test.

Messages go over stdin and stdout: a length of four bytes, big endian, and that
many bytes of CTAP2, or of CTAP1 where the highest bit of the length is set.
Requests go out on stdout, responses come in on stdin. An empty message is a
power cycle and is answered by an empty one.
Progress is told on stderr; the exit status is 0 when every check holds.
"""

import struct
import sys

from fido2.ctap import CtapDevice, CtapError
from fido2.hid import CAPABILITY, CTAPHID

PIPE_IN, PIPE_OUT = sys.stdin.buffer, sys.stdout.buffer


class Pipe(CtapDevice):
    @property
    def capabilities(self):
        return CAPABILITY.CBOR

    def call(self, cmd, data=b"", event=None, on_keepalive=None):
        assert cmd in (CTAPHID.CBOR, CTAPHID.MSG), cmd
        ctap1 = 0x80000000 if cmd == CTAPHID.MSG else 0
        PIPE_OUT.write(struct.pack(">I", len(data) | ctap1) + data)
        PIPE_OUT.flush()
        size = struct.unpack(">I", PIPE_IN.read(4))[0]
        return PIPE_IN.read(size)

    def power_cycle(self):
        PIPE_OUT.write(struct.pack(">I", 0))
        PIPE_OUT.flush()
        assert PIPE_IN.read(4) == bytes(4)

    def close(self):
        pass

    @classmethod
    def list_devices(cls):
        return []


def check(what, ok):
    print(("ok   " if ok else "FAIL ") + what, file=sys.stderr)
    if not ok:
        sys.exit(1)


def refused(what, code, f, *args, **kwargs):
    try:
        f(*args, **kwargs)
        check(what, False)
    except CtapError as e:
        check("%s: %s" % (what, e), e.code == code)
