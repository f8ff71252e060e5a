"""Requests that no schema forbids and that no HTTP library sends. Must not know any route."""

from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode

LONG: Final = "V" * 5000
"""What no refusal may repeat."""
SHOWN_AT_MOST: Final = 128
_MIB: Final = 1024 * 1024

JSON_VALUES: Final[dict[str, bytes]] = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "-Infinity": b"-Infinity",
    "1e400": b"1e400",
    "a lone surrogate": rb'"\udc80"',
    "half a surrogate pair": rb'"\ud83d"',
    "NUL": rb'"a\u0000b"',
    "a raw NUL": b'"a\0b"',
    "arrays in each other": b"[" * 10_000 + b"]" * 10_000,
    "objects in each other": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "65 arrays in each other": b"[" * 65 + b"]" * 65,
    "10,000 digits": b"9" * 10_000,
    "-10,000 digits": b"-" + b"9" * 10_000,
    "one over int64": b"9223372036854775808",
    "bytes that are no UTF-8": b'"\xff\xfe"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xb2\x80"',
    "a long text": b'"' + LONG.encode() + b'"',
    "20,000 values": b"[" + b"1," * 20_000 + b"1]",
    "an unfinished text": b'"abc',
    "an unfinished escape": rb'"\u12"',
    "a comment": b"1 /* x */",
    "hexadecimal": b"0x10",
    "True": b"True",
}
"""In the place of the first field's value."""
JSON_KEYS: Final[dict[str, bytes]] = {
    "a lone surrogate": rb'"\udc80"',
    "NUL": rb'"\u0000"',
    "bytes that are no UTF-8": b'"\xff"',
    "a long name": b'"' + LONG.encode() + b'"',
    "no name": b"1",
}
"""In the place of a field's name."""
JSON_BODIES: Final[dict[str, Sequence[bytes]]] = {
    "nothing": (),
    "white space": (b" \n\t ",),
    "an array": (b"[]",),
    "an array of objects": (b"[{}]",),
    "null": (b"null",),
    "true": (b"true",),
    "a number": (b"0",),
    "a text": (b'"' + LONG.encode() + b'"',),
    "NaN": (b"NaN",),
    "half an object": (b'{"a"',),
    "two objects": (b"{}{}",),
    "2 MiB": (b'{"a": "' + b"V" * 2 * _MIB + b'"}',),
    "2 MiB in pieces": (b'{"a": "', *(b"V" * 65_536 for _ in range(32)), b'"}'),
    "rubbish in pieces": tuple(bytes([byte]) for byte in b"\x80\x81{\0}]]\xff\xfe\r\n\r\nGET / HTTP/1.1"),
    "UTF-16": ('{"a": 1}'.encode("utf-16"),),
    "UTF-32": ('{"a": 1}'.encode("utf-32"),),
    "a byte order mark": (b"\xef\xbb\xbf{}",),
    "gzip": (b"\x1f\x8b\x08\0\0\0\0\0\0\3",),
    "a form": (b"a=b",),
}
CONTENT_TYPES: Final[dict[str, Sequence[str]]] = {
    "none": (),
    "text": ("text/plain",),
    "a form": ("application/x-www-form-urlencoded",),
    "a form without boundary": ("multipart/form-data",),
    "UTF-16": ("application/json; charset=utf-16",),
    "XML": ("application/xml",),
    "a long one": (LONG,),
    "two": ("text/plain", "text/html"),
    "no ASCII": ("applicati\xf6n/json",),
}


def json_bodies(field: str, repeated: str) -> dict[str, Sequence[bytes]]:
    """By what is wrong with each.

    Args:
        field: Of the body.
        repeated: The same, or one that the body does not have.
    """
    name = f'"{field}"'.encode()
    return {
        **{f"value: {what}": (b"{" + name + b": " + value + b"}",) for what, value in JSON_VALUES.items()},
        **{f"key: {what}": (b"{" + key + b": 1}",) for what, key in JSON_KEYS.items()},
        **{f"body: {what}": body for what, body in JSON_BODIES.items()},
        "a field twice": (f'{{"{repeated}": 1, "{repeated}": [1]}}'.encode(),),
        "10,000 fields": (b"{" + b",".join(b'"x%d": 1' % index for index in range(10_001)) + b"}",),
    }


def form_bodies(good: dict[str, str]) -> dict[str, Sequence[bytes]]:
    """Likewise in OAuth's encoding; ``good`` has all that is needed."""
    whole = urlencode(good).encode()
    field = next(iter(good)).encode()
    return {
        "nothing": (),
        "no values": (b"&&=&=&",),
        "no equals sign": (field,),
        "a parameter twice": (whole + b"&" + field + b"=again",),
        "10,000 parameters": (b"&".join(b"x%d=1" % index for index in range(10_000)),),
        "a parameter 10,000 times": (b"&".join(field + b"=1" for _ in range(10_000)),),
        "NUL": (field + b"=a%00b",),
        "a raw NUL": (field + b"=a\0b",),
        "NUL in a name": (whole + b"&a%00b=1",),
        "no hexadecimal": (field + b"=%zz",),
        "half an escape": (field + b"=%f",),
        "bytes that are no UTF-8": (field + b"=%ff%fe",),
        "a surrogate in UTF-8": (field + b"=%ed%b2%80",),
        "bytes that are no ASCII": (field + b"=\xc3\xa4",),
        "a long value": (field + b"=" + LONG.encode(),),
        "a long name": (LONG.encode() + b"=1",),
        "2 MiB": (field + b"=" + b"V" * 2 * _MIB,),
        "2 MiB in pieces": (field + b"=", *(b"V" * 65_536 for _ in range(32))),
        "JSON": (b'{"grant_type": "refresh_token"}',),
        "rubbish in pieces": tuple(bytes([byte]) for byte in b"\x80\x81{\0}]]\xff&=%\r\n\r\n"),
    }


SEGMENTS: Final[dict[str, str]] = {
    "NUL": "%00",
    "NUL in its middle": "a%00b",
    "no UTF-8": "%ff",
    "a surrogate in UTF-8": "%ed%b2%80",
    "a way up": "..%2f",
    "a long way up": "..%2f..%2f..%2fetc%2fpasswd",
    "backslashes": "..%5c..%5cwindows",
    "10 KB": "V" * 10_000,
    "line breaks": "a%0d%0ax-evil%3a1",
    "SQL": "'%20or%20'1'%3d'1",
    "wildcards": "%25%25%25_",
    "emoji": "%F0%9F%92%A5" * 50,
    "a space": "%20",
    "half an escape": "%f",
    "an e-mail address": "ana%40example.com",
    "right to left": "%E2%80%AEabc",
}
"""In the place of a parameter of the path."""
QUERY_VALUES: Final[dict[str, str]] = {
    **{name: value for name, value in SEGMENTS.items() if name != "10 KB"},
    "100 KB": "V" * 100_000,
    "200 characters": "V" * 200,
    "minus one": "-1",
    "zero": "0",
    "30 digits": "9" * 30,
    "10,000 digits": "9" * 10_000,
    "no number": "NaN",
    "1e400": "1e400",
    "nothing": "",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "before the first day": "0001-01-01T00%3A00%3A00%2B14%3A00",
    "after the last day": "9999-12-31T23%3A59%3A59-14%3A00",
    "other digits": "%D9%A1%D9%A2",
    "JSON": "%7B%22a%22%3A1%7D",
}
"""In the place of a parameter of the query."""
QUERIES: Final[dict[str, Callable[[str], str]]] = {
    "100 KB": lambda name: f"unknown={'V' * 100_000}",
    "10,000 parameters": lambda name: "&".join(f"x{index}=1" for index in range(10_000)),
    "one 10,000 times": lambda name: "&".join(f"{name}=1" for _ in range(10_000)),
    "a long name": lambda name: f"{LONG}=1",
    "no name": lambda name: "=&=&&%00=%ff&%zz=%",
    "bytes that are no ASCII": lambda name: f"{name}=\xff\xc3",
}
"""From the name of a parameter to a whole query."""


def is_repeated(text: str) -> bool:
    """Whether a refusal repeats what is too long to be repeated."""
    return any(character * (SHOWN_AT_MOST + 1) in text for character in "V9") or "%F0%9F%92%A5" * 40 in text
