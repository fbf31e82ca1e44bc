"""When a certificate expires: the one thing of a TLS Secret that a diagnosis needs, read from its public half."""

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterator
from typing import Final

PEM: Final = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
SEQUENCE, UTC_TIME, GENERALIZED_TIME = 0x30, 0x17, 0x18


def expiry(pem: bytes) -> str:
    """``notAfter`` of the first certificate as RFC 3339; empty if there is none that can be read.

    Of the DER structure (RFC 5280, 4.1) only as much is read as it takes: the validity is the first sequence in the
    certificate that holds two times.
    """
    found = PEM.search(pem)
    if found is None:
        return ""
    try:
        times = next(_validities(base64.b64decode(found[1])), None)
    except (binascii.Error, IndexError, ValueError):
        return ""
    return times[1].strftime("%Y-%m-%dT%H:%M:%SZ") if times else ""


def _items(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents of DER values that follow each other."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        yield tag, data[at : at + length]
        at += length


def _validities(data: bytes) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    for tag, content in _items(data):
        if tag != SEQUENCE:
            continue
        inner = list(_items(content))
        if len(inner) == 2 and all(each[0] in {UTC_TIME, GENERALIZED_TIME} for each in inner):
            yield _time(*inner[0]), _time(*inner[1])
        else:
            yield from _validities(content)


def _time(tag: int, content: bytes) -> dt.datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # two digits of the year: 50 to 99 are of the last century (RFC 5280, 4.1.2.5.1)
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return dt.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=dt.UTC)
