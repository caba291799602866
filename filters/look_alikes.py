"""Letters that can be taken for Latin ones, beyond those that Unicode itself decomposes.

Full-width, mathematical, circled and accented letters are not here: Unicode's compatibility
decomposition gives their Latin letter. Code points are escaped, since their look would mislead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

_CYRILLIC = {
    "a": "\u0410\u0430",
    "ae": "\u04d4\u04d5",
    "b": "\u0412\u0432\u042c\u044c",
    "c": "\u0421\u0441\u04aa\u04ab",
    "d": "\u0500\u0501",
    "e": "\u0415\u0435\u0404\u0454\u04bc\u04bd\u04be\u04bf",
    "f": "\u0492\u0493",
    "g": "\u050c\u050d",
    "h": "\u041d\u043d\u04ba\u04bb\u0402\u0452\u040b\u045b\u04a2\u04a3",
    "i": "\u0406\u0456\ua646\ua647",
    "j": "\u0408\u0458",
    "k": "\u041a\u043a\u049a\u049b\u049c\u049d\u049e\u049f",
    "l": "\u04c0\u04cf",
    "m": "\u041c\u043c",
    "n": "\u043f",
    "o": "\u041e\u043e\u04e8\u04e9",
    "p": "\u0420\u0440\u048e\u048f",
    "q": "\u051a\u051b",
    "r": "\u0433",
    "s": "\u0405\u0455",
    "t": "\u0422\u0442\u04ac\u04ad",
    "v": "\u0474\u0475",
    "w": "\u0460\u0461\u051c\u051d\u0428\u0448\u0429\u0449\u047e\u047f\ua64c\ua64d",
    "x": "\u0425\u0445\u04b2\u04b3\u04fc\u04fd\u04fe\u04ff",
    "y": "\u0423\u0443\u04ae\u04af\u04b0\u04b1",
}
_GREEK = {
    "a": "\u0391\u03b1",
    "b": "\u0392\u03b2",
    "c": "\u03f2\u03f9",
    "e": "\u0395\u03b5",
    "f": "\u03dc\u03dd",
    "h": "\u0397",
    "i": "\u0399\u03b9",
    "j": "\u037f\u03f3",
    "k": "\u039a\u03ba",
    "m": "\u039c\u03fa\u03fb",
    "n": "\u039d\u03b7",
    "o": "\u039f\u03bf\u03c3\u0398\u03b8\u03a9",
    "p": "\u03a1\u03c1",
    "t": "\u03a4\u03c4",
    "u": "\u03bc\u03c5",
    "v": "\u03bd",
    "w": "\u03c9",
    "x": "\u03a7\u03c7",
    "y": "\u03a5\u03b3",
    "z": "\u0396",
}
_LATIN = {
    "a": "\u0251\u2c6d\u1d00\u023a\u2c65",
    "ae": "\u00c6\u00e6",
    "b": "\u0299\u0180\u0243\u0181\u0253\u0182\u0183",
    "c": "\u1d04\u0187\u0188\u023b\u023c\u0255",
    "d": "\u1d05\u0110\u0111\u018a\u0257\u0189\u0256\u00d0\u00f0",
    "e": "\u1d07\u0190\u025b\u0246\u0247\u0258",
    "f": "\u0191\u0192\ua730",
    "g": "\u0261\u0262\u01e4\u01e5\u0193\u0260",
    "h": "\u029c\u0126\u0127\u0266",
    "i": "\u0131\u026a\u0196\u0269\u0197\u0268",
    "j": "\u1d0a\u029d\u0237\u0248\u0249",
    "k": "\u0138\u1d0b\u0198\u0199",
    "l": "\u029f\u0141\u0142\u023d\u019a\u026b\u026d\u01c0",
    "m": "\u1d0d\u0271",
    "n": "\u0274\u014a\u014b\u019d\u0272\u0273",
    "o": "\u1d0f\u00d8\u00f8\u019f\u0275\u1d11\uab3d",
    "oe": "\u0152\u0153",
    "p": "\u1d18\u01a4\u01a5\u00de\u00fe",
    "q": "\u024a\u024b\u02a0",
    "r": "\u0280\u1d26\u024c\u024d\u027d\u027e",
    "s": "\ua731\u0282",
    "t": "\u1d1b\u0166\u0167\u01ac\u01ad\u01ae\u0288",
    "u": "\u1d1c\u028b\u0244\u0289",
    "v": "\u1d20",
    "w": "\u1d21\u026f\u028d\u2c72\u2c73\ua7b6\ua7b7",
    "y": "\u028f\u024e\u024f\u01b3\u01b4\u0263",
    "z": "\u1d22\u0290\u01b5\u01b6\u0224\u0225",
}
_ARMENIAN = {
    "d": "\u056a",
    "f": "\u0584",
    "g": "\u0581",
    "h": "\u0570",
    "j": "\u0575",
    "n": "\u0578\u057c",
    "o": "\u0555\u0585",
    "q": "\u0563\u0566",
    "s": "\u054f",
    "u": "\u054d\u057d",
    "w": "\u0561",
}
_CHEROKEE = {
    "a": "\u13aa",
    "b": "\u13cf\u13f4",
    "c": "\u13df",
    "d": "\u13a0\u13e7",
    "e": "\u13ac",
    "g": "\u13c0",
    "h": "\u13bb\u13c2",
    "i": "\u13a5",
    "j": "\u13ab",
    "k": "\u13e6",
    "l": "\u13de",
    "m": "\u13b7",
    "o": "\u13be",
    "p": "\u13e2",
    "r": "\u13a1\u13d2",
    "s": "\u13da",
    "t": "\u13a2",
    "v": "\u13d9",
    "w": "\u13b3\u13d4",
    "y": "\u13a9\u13bd",
    "z": "\u13c3",
}
_COPTIC = {
    "c": "\u2ca4\u2ca5",
    "h": "\u2c8e\u2c8f",
    "i": "\u2c92\u2c93",
    "k": "\u2c94\u2c95",
    "m": "\u2c98\u2c99",
    "n": "\u2c9a\u2c9b",
    "o": "\u2c9e\u2c9f",
    "p": "\u2ca2\u2ca3",
    "t": "\u2ca6\u2ca7",
    "w": "\u2cb0\u2cb1",
    "x": "\u2cac\u2cad",
    "y": "\u2ca8\u2ca9",
    "z": "\u2c8c\u2c8d",
}
_LISU = dict(
    zip(
        "bpdtgkjczfmnlsrvhwxyaeiou",
        "\ua4d0\ua4d1\ua4d3\ua4d4\ua4d6\ua4d7\ua4d9\ua4da\ua4dc\ua4dd"
        "\ua4df\ua4e0\ua4e1\ua4e2\ua4e3\ua4e6\ua4e7\ua4ea\ua4eb\ua4ec\ua4ee\ua4f0\ua4f2\ua4f3\ua4f4",
        strict=True,
    )
)
_OTHER_SCRIPTS = {
    "l": "\u05d5\u05df\u0627\u2d4f\U00010309",
    "o": "\u05e1\u0b20\u0d20\u101d\u12d0\u2d54\u10ff\U00010404\U0001042c\U000104c2\U000104ea",
    "v": "\u05d8",
    "y": "\u10e7",
}
_SCRIPTS = (
    _CYRILLIC,
    _GREEK,
    _LATIN,
    _ARMENIAN,
    _CHEROKEE,
    _COPTIC,
    _LISU,
    _OTHER_SCRIPTS,
)
_FIRST_OF_ALPHABETS = (0x1F150, 0x1F170, 0x1F1E6)
"""Letters A of the alphabets white on black circles and squares, and of the flags' letters."""


def _pairs() -> Iterator[tuple[str, str]]:
    for script in _SCRIPTS:
        for letter, look_alikes in script.items():
            yield from ((look_alike, letter) for look_alike in look_alikes)
    for first in _FIRST_OF_ALPHABETS:
        for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz"):
            yield chr(first + place), letter


LOOK_ALIKES: Mapping[str, str] = MappingProxyType(dict(_pairs()))
"""Character -> the Latin letters, lower case, that it looks like."""

LEETSPEAK: Mapping[str, str] = MappingProxyType(
    {
        **{"0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "bg", "7": "t"},
        **{"8": "b", "9": "g", "@": "a", "$": "s", "!": "il", "|": "il", "+": "t"},
        **{"\u20ac": "e", "\u00a3": "l", "\u00a2": "c", "\u00a5": "y"},
    }
)
"""Digit or sign -> the letters it may stand for."""
