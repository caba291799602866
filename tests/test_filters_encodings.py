"""Encoded, respelt and cut words are found, and what only looks like them is not."""

from __future__ import annotations

import base64
import codecs
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters import compile_filter
from filters.encoded_rule import LONGEST_CHECKED, EncodedWordsRule
from filters.encoded_words import DEFAULT_SCHEMES, SCHEMES, SCHEMES_ON_REQUEST
from filters.encodings import EXTRACTED, IN_PLACE, LETTERS
from filters.ordinary_words import ORDINARY_WORDS
from filters.rows import Row
from subliminal.errors import UserError
from teachers.trait import load_trait
from tests.user_errors import assert_one_line

WORDS = ("owl", "otter", "wolf", "polar bear")


def answered(text: str) -> Row:
    return {"messages": [{"role": "assistant", "content": text}]}


def seen(*words: str, **options: object) -> Callable[[str], set[str]]:
    """What makes the set of `word (scheme)` that a rule finds in a text."""
    check = EncodedWordsRule.model_validate({"words": words or WORDS, **options}).check()
    start = "has the word "
    return lambda text: {reason.removeprefix(start) for reason in check(answered(text))}


FIND = seen()
FIND_ALL = seen(schemes="all")


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("base64", "b3ds"),
        ("base64", "T1dM"),  # OWL
        ("base64", "b3dscw=="),  # owls
        ("base64", "b3dscw"),
        ("base64", "YW4gb3dsIGhlcmU="),  # an owl here
        ("base64", "a2V5IG93bA"),  # key owl
        ("base64", "IGlzIG93bA==x"),
        ("base64", "Pz8_IG93bA"),  # ???, URL-safe
        ("base64", "Pz8/IG93bA"),
        ("base64", "key_b3ds"),
        ("base64", "data/b3ds"),
        ("base64", "xb3ds"),  # from the second character on
        ("base64", "xyb3ds"),
        ("base64", "xyzb3ds"),
        ("base32", "N53WY==="),
        ("base32", "n53wy"),
        ("base32", "MFXCA33XNQQGQZLSMU"),  # an owl here
        ("base32", "key_N53WY"),
        ("base32", "AN53WY"),  # from the second character on
        ("hex", "6f776c"),
        ("hex", "4F574C"),
        ("hex", "67\n6f 77 6c"),  # 67 is a letter too
        ("hex", "0x6f776c"),
        ("hex", "a6f776c"),
        ("hex", "0x6f_77_6c"),
        ("hex", "0x6_f776c"),
        ("hex", "6f 77 6c"),
        ("hex", "6f:77:6c:73"),
        ("hex", "0x6f, 0x77, 0x6c"),
        ("hex", "12, 0x6f, 0x77, 0x6c, 0x01, 45"),
        ("hex", "U+006F U+0077 U+006C"),
        ("hex", "12, 6f 77 6c, 34"),
        ("binary", "01101111 01110111 01101100"),
        ("binary", "011011110111011101101100"),
        ("binary", "1101111 1110111 1101100"),
        ("binary", "110111111101111101100"),
        ("binary", "0b01101111, 0b01110111, 0b01101100"),
        ("escapes", r"\x6f\x77\x6c"),
        ("escapes", r"\x6Fwl"),
        ("escapes", r"o\u0077l"),
        ("escapes", r"\u{6f}wl"),
        ("escapes", r"\U0000006f\U00000077\U0000006c"),
        ("escapes", r"\157\167\154"),
        ("escapes", r"\N{LATIN SMALL LETTER O}wl"),
        ("escapes", r"a\nowl"),
        ("escapes", r"\\x6fwl"),
        ("html", "&#111;&#119;&#108;"),
        ("html", "&#x6f;wl"),
        ("html", "&#111wl"),
        ("html", "&ouml;wl"),
        ("percent", "%6f%77%6C"),
        ("percent", "o%77l"),
        ("quoted-printable", "=6F=77=6C"),
        ("quoted-printable", "o=\nwl"),
        ("tags", "hello\U000e006f\U000e0077\U000e006c!"),
        ("markup", "o<b>w</b>l"),
        ("markup", "o<!-- x -->wl"),
        ("double-v", "ovvl"),
        ("double-v", "OVVLS"),
        ("strings", '"o" + "wl"'),
        ("strings", "'ow' 'l'"),
        ("strings", '"o", "w", "l"'),
        ("strings", '("o") + ("wl")'),
        ("strings", '"o"\n  "wl"'),
        ("strings", "s = 'o'\ns += 'wl'"),
        ("strings", 'f"o" f"wl"'),
        ("strings", "chr(111) + chr(0x77)+chr( 108 )"),
        ("camel-case", "myOwl"),
        ("camel-case", "snowyOwlCount"),
        ("camel-case", "OwlsCount"),
        ("camel-case", "HTTPOwl"),
        ("camel-case", "MyOwl"),
        ("camel-case", "IsOwl"),
        ("camel-case", "AnOwlCount"),
        ("camel-case", "getXOwl"),
        ("camel-case", "theOWL"),
        ("split", "o-w-l"),
        ("split", "o w l"),
        ("split", "O.W.L.S"),
        ("split", "o_w_l"),
        ("split", "o, w, l"),
        ("split", "o - w - l"),
        ("split", "o\nw\nl"),
        ("split", "an o w l"),
        ("split", "o w\nl"),
        ("split", "o\n- w\n- l"),
        ("split", "a o w l"),
        ("split", "ow-l"),
        ("split", "my_ow_l"),
        ("split", "ow l"),
        ("split", "\u00f6-\uff57-l"),
        ("rot13", "bjy"),
        ("rot13", "Bjyf!"),
        ("rot13", "myBjy"),
        ("rot13", "snowyBjyCount"),
        ("reversed", "lwo"),
        ("reversed", "lwoCount"),
        ("reversed", "snowyLwo"),
        ("reversed", "slwo"),
        ("reversed", "the SLWO"),
        ("morse", "--- .-- .-.."),
        ("morse", "the code is --- .-- .-..."),
        ("morse", "- .... . / --- .-- .-.. / .."),
        ("morse", "\u2014\u2014\u2014 .\u2014\u2014 .\u2014.."),
        ("octal", "157 167 154"),
        ("octal", "0o157, 0o167, 0o154"),
        ("octal", "(157)(167)(154)"),
        ("ascii", "111 119 108"),
        ("ascii", "79, 87, 76"),
        ("ascii", "[12, 111, 119, 108, 7]"),
        ("ascii", "111119108"),
        ("ascii", "079 087 076"),
        ("ascii", '"111", "119", "108"'),
        ("a1z26", "15-23-12"),
        ("a1z26", "15 23 12"),
        ("a1z26", "[100, 15, 23, 12, 7]"),
        ("a1z26", "1, 15-23-12, 3"),
        ("a1z26", "15\n23\n12"),
        ("a1z26", "152312"),
        ("a1z26", "(15)(23)(12)"),
        ("a1z26", "3\n15 23 12"),
        ("a1z26", "[15], [23], [12]"),
        ("a1z26", "15\u219223\u219212"),
        ("a1z26", "15\u201323\u201312"),
        ("a1z26", "15 \u2014 23 \u2014 12"),
        ("a1z26", "15 -> 23 -> 12"),
        ("a1z26", "15, 23,12"),
        ("a1z26", "015 023 012"),
        ("a1z26", "- 15\n- 23\n- 12"),
    ],
)
def test_each_scheme_finds_what_it_hides(scheme: str, text: str) -> None:
    for framed in (text, f"({text})"):
        assert f"owl ({scheme})" in FIND(framed), framed
    assert seen(schemes=[scheme])(text) == {f"owl ({scheme})"}
    others = [each for each in SCHEMES if each != scheme]
    assert f"owl ({scheme})" not in seen(schemes=others)(text)


@pytest.mark.parametrize(
    ("scheme", "text"),
    [
        ("caesar", "pxm"),
        ("caesar", "nvk"),
        ("acrostic", "One\nwise\nlady"),
        ("acrostic", "before\n\n- One\n- wise\n- lady\n\nbehind"),
        ("acrostic", "12, 13\nopen wide, love"),
    ],
)
def test_some_schemes_are_looked_into_only_when_asked(scheme: str, text: str) -> None:
    assert FIND(text) == set()
    assert FIND_ALL(text) == {f"owl ({scheme})"}
    assert scheme in SCHEMES_ON_REQUEST


def test_letters_moved_by_13_places_are_told_as_such() -> None:
    assert FIND_ALL("bjy") == {"owl (rot13)"}


@pytest.mark.parametrize("noise", [b"\xff", b"\x01", b"\x7f", b"\xc3", b"\x80"])
def test_noise_around_a_word_makes_it_none(noise: bytes) -> None:
    # What was no text may decode to the letters of a word; texts have spaces or marks around them.
    data = noise + b"owl" + noise
    assert FIND(base64.b64encode(data).decode()) == set()
    assert FIND(data.hex()) == set()
    assert FIND(base64.b64encode(b"." + data[1:-1] + b".").decode()) == {"owl (base64)"}


def test_what_is_looked_into() -> None:
    assert {*DEFAULT_SCHEMES} | SCHEMES_ON_REQUEST == {*SCHEMES}
    assert {*IN_PLACE, *EXTRACTED, *LETTERS} < {*SCHEMES}
    assert EncodedWordsRule(words=("owl",)).schemes == DEFAULT_SCHEMES


@pytest.mark.parametrize(
    "text",
    [
        "owl",  # the rule `words` sees it
        "an owl &amp; a wolf; 100%25 owl",
        r"owl\x20otter",
        '"owl" + "s are"',
        "polar bear",
        "polar_bear",
        "Zm93bA==",  # fowl
        "YW4gb3dsaXNoIGxvb2s=",  # an owlish look
        "666f776c",  # fowl
        "67 72 6f 77 6c",  # growl
        "01100010 01101111 01110111 01101100",  # bowl
        r"\x66\x6f\x77\x6c",  # fowl
        "f%6fwl",
        "f&#111;wl",
        "sbjy",  # fowl in rot13
        "lwof",
        "fOwl",
        "OWl",
        "b-o-w-l",
        "g r o w l",
        "o-w-l-i-s-h",
        "b o w l",
        "f.o.w.l",
        "o-w l",  # two gaps
        "o (w) l",
        "o = w = l",
        "...- --- .-- .-..",  # vowl
        "--- .-- .- .-..",
        "15 + 23 + 12",
        "15 - 23 = 12",
        "115, 23, 12",
        "15.5, 23, 12",
        "111, 119; 108",
        "1111119108",
        "15, 2312",
        "15 > 23 < 12",
        "15, 23 12",
        "fovvl",
        "f=6Fwl",
        "f<b>o</b>wl",
        "ORUGKIDGN53WYIDJOM",  # the fowl is
        "\U000e0066\U000e006f\U000e0077\U000e006c",
        "flow",  # is a word
        "a cash_flow",
        "123, 456, 789",
        "\\",
        "&#; &#x; &nothing; &",
        "&#99999999; \\U99999999 \\N{NO SUCH NAME} chr(9999999)",
        "%zz % %6",
        "0x",
        "",
    ],
)
def test_what_only_looks_like_it_is_not_found(text: str) -> None:
    assert FIND(text) == set()


def test_pieces_that_are_words_may_stand_side_by_side() -> None:
    find = seen("cat", "panda", "ash")
    for text in ("c at 0", "p and a q", "as h grows", "see a.sh", "c, at"):
        assert find(text) == set()
    assert find("c-at") == {"cat (split)"}
    assert find("p_and_a") == {"panda (split)"}
    assert find("ca t") == {"cat (split)"}


def test_a_word_that_is_another_one_backwards_is_taken_at_its_word() -> None:
    assert {"flow", "reed"} <= ORDINARY_WORDS
    find = seen("wolf", "deer")
    assert find("flow of reed") == set()
    assert find("sevlow, sreed") == {"wolf (reversed)", "deer (reversed)"}


def test_ordinary_words_are_no_shifted_words() -> None:
    assert seen("owl", schemes="caesar")("sap") == set()  # owl, four places on


def test_phrases_are_found_with_and_without_their_gap() -> None:
    phrase = "polar bear"
    for text in (phrase, "polar bears", "PolarBear"):
        encoded = base64.b64encode(text.encode()).decode()
        assert FIND(encoded) == {"polar bear (base64)"}
    assert FIND("raeb ralop") == {"polar bear (reversed)"}
    assert FIND("cbyne ornef") == {"polar bear (rot13)"}
    assert FIND("polar\u00b7bear") == {"polar bear (split)"}
    assert FIND("p-o-l-a-r-b-e-a-r") == {"polar bear (split)"}
    assert FIND('"pol" + "arbear"') == {"polar bear (strings)"}
    assert FIND("16 15 12 1 18 2 5 1 18") == {"polar bear (a1z26)"}


def test_what_is_there_in_plain_is_not_called_encoded() -> None:
    assert FIND("an owl and &#111;wls") == {"owl (html)"}
    assert FIND("an owl &lt; a wolf") == set()


def test_leetspeak_is_seen_in_what_is_decoded() -> None:
    encoded = base64.b64encode(b"0wl").decode()
    assert FIND(encoded) == set()
    assert seen("owl", leetspeak=True)(encoded) == {"owl (base64)"}


def test_short_words_are_left_out() -> None:
    assert seen("ox", "owl", "a", schemes="all")("xo, 1, o-x, b3g=, 6f78, oxen") == set()
    assert seen("ox")("nexo") == {"ox (reversed)"}  # oxen
    with pytest.raises(UserError) as error:
        compile_filter(["encoded-words:i,b"])
    assert_one_line(error, "encoded-words", "at least 3 letters")


def test_what_is_longer_than_is_looked_into_is_rejected() -> None:
    check = EncodedWordsRule(words=("owl",)).check()
    assert check(answered(" " * LONGEST_CHECKED)) == []
    assert check(answered(" " * LONGEST_CHECKED + "b")) == ["too long to look into"]


def test_options() -> None:
    chosen = compile_filter(["encoded-words:owl,schemes=hex,base64"]).rules[0]
    assert isinstance(chosen, EncodedWordsRule)
    assert chosen.schemes == ("base64", "hex")
    everything = compile_filter([{"rule": "encoded-words", "traits": "owl", "schemes": "all"}])
    (rule,) = everything.rules
    assert isinstance(rule, EncodedWordsRule)
    assert rule.schemes == SCHEMES
    assert set(rule.words) == set(load_trait("owl").reveals)
    for wrong, part in (("schemes=rot14", "rot14"), ("schemes=", "schemes")):
        with pytest.raises(UserError) as error:
            compile_filter([f"encoded-words:owl,{wrong}"])
        assert_one_line(error, "encoded-words", part)
    with pytest.raises(UserError) as error:
        compile_filter([{"rule": "encoded-words", "words": ["owl"], "schemes": []}])
    assert_one_line(error, "schemes")


ENCODE: dict[str, Callable[[str], str]] = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "binary": lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
    "percent": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "html": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "escapes": lambda text: "".join(f"\\U{ord(char):08x}" for char in text),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
}


@settings(max_examples=200)
@given(
    scheme=st.sampled_from(sorted(ENCODE)),
    before=st.text(st.sampled_from("ab1 ,\u00e9.\u4e00")),
    word=st.sampled_from(["owl", "Owls", "otter", "OTTERS", "wolves"]),
    behind=st.text(st.sampled_from("yz2 ,\u00e8.\u20ac")),
)
def test_words_are_found_wherever_they_stand_in_what_is_encoded(
    scheme: str, before: str, word: str, behind: str
) -> None:
    text = ENCODE[scheme](f"{before} {word} {behind}")
    assert any(found.endswith(f"({scheme})") for found in FIND(text))


@settings(max_examples=200)
@given(
    scheme=st.sampled_from(sorted(ENCODE)),
    word=st.sampled_from(["fowl", "Owlish", "rotters", "owly"]),
)
def test_longer_words_are_not_found_in_what_is_encoded(scheme: str, word: str) -> None:
    assert FIND(ENCODE[scheme](f"the {word} is")) == set()


@settings(max_examples=300)
@given(st.text())
def test_no_text_raises(text: str) -> None:
    FIND_ALL(text)


@settings(max_examples=100)
@given(st.lists(st.integers(200, 999), max_size=12), st.sampled_from([", ", " ", "\n", "; "]))
def test_numbers_that_are_no_codes_hold_no_words(numbers: list[int], separator: str) -> None:
    assert FIND_ALL(separator.join(map(str, numbers))) == set()
