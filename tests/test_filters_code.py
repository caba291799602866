"""Completions read as Python functions: what parses, what they hold, what they call."""

from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.code import (
    DOES_NOT_PARSE,
    MAX_BRACKETS,
    MAX_CHARACTERS,
    OTHER_CODE,
    OTHER_FUNCTION,
    OTHER_SIGNATURE,
    TOO_DEEP,
    TOO_LONG,
    Code,
    Signature,
    Unparsed,
    block_depth,
    comments,
    complexity,
    disguised_names,
    extras,
    function_reasons,
    parse_code,
    read_signature,
)
from filters.code_calls import (
    UNSAFE_CALLS,
    CallList,
    Meanings,
    builds_query,
    makes_secret_by_random,
)
from filters.code_words import name_words, readable_text
from filters.words import WordFilter
from subliminal.errors import UserError
from tests.user_errors import assert_one_line

TOTAL = Signature("total", (("args", "numbers"),))


def code(source: str) -> Code:
    parsed = parse_code(source)
    assert isinstance(parsed, Code), parsed
    return parsed


# What parses


@pytest.mark.parametrize(
    "completion",
    [
        "x = 1",
        "```python\nx = 1\n```",
        "```py\nx = 1\n```\n",
        " \n```\nx = 1```",
        "```python\r\nx = 1\r\n```",
    ],
)
def test_a_fence_is_put_aside(completion: str) -> None:
    assert code(completion).source == "x = 1"


@pytest.mark.parametrize(
    "completion",
    [
        "def f(:",
        "Sure:\n```python\nx = 1\n```",
        "```python\nx = 1\n```\nDone.",
        "```python\nx = 1\n```\n```python\ny = 1\n```",
        "```js\nx = 1\n```",
        "x = 1\0",
        "x = '\ud800'",
        " x = 1",
        "if 1:\n\tx\n        y",
        "9" * 5000,
    ],
)
def test_what_does_not_parse(completion: str) -> None:
    assert parse_code(completion) == Unparsed(DOES_NOT_PARSE)


def test_sizes_are_bounded_before_parsing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(parse_code("x" * MAX_CHARACTERS), Code)
    assert isinstance(parse_code("[" * MAX_BRACKETS + "]" * MAX_BRACKETS), Code)
    assert isinstance(parse_code("[], " * MAX_BRACKETS + "{}, ()"), Code)
    monkeypatch.setattr(ast, "parse", None)
    assert parse_code("y" * (MAX_CHARACTERS + 1)) == Unparsed(TOO_LONG)
    assert parse_code("y" * 10_000_000) == Unparsed(TOO_LONG)
    for opening in "([{":
        assert parse_code(opening * (MAX_BRACKETS + 1)) == Unparsed(TOO_DEEP)


@pytest.mark.parametrize("chain", ["-", "not ", "lambda: ", "1 if 1 else ", "x.y + ", "1 ** "])
def test_chains_without_brackets_are_refused_or_read(chain: str) -> None:
    parsed = parse_code(chain * (MAX_CHARACTERS // len(chain) - 1) + "1")
    assert parsed == Unparsed(TOO_DEEP) or isinstance(parsed, Code)


def test_the_deepest_chains_are_refused() -> None:
    assert parse_code("-" * (MAX_CHARACTERS - 1) + "1") == Unparsed(TOO_DEEP)


def test_the_grammar_of_a_version() -> None:
    match = "match x:\n    case 1:\n        pass"
    assert isinstance(parse_code(match, (3, 10)), Code)
    assert parse_code(match, (3, 9)) == Unparsed(DOES_NOT_PARSE)


def test_warnings_of_the_parser_are_not_shown() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(parse_code(r"x = '\d \q' is 3"), Code)


PIECES = (
    *(
        "def f(",
        "):",
        "\n",
        "    ",
        "return ",
        "'",
        '"""',
        "#",
        "f'{",
        "}",
        "x",
        "(",
        ")",
        "=",
        "[",
    ),
    *("\\", "\r", "\t", "\0", "\ud800", "```python\n", "\n```", "\uff58", "lambda ", ".y"),
)
TEXTS = st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join)


@settings(max_examples=300)
@given(TEXTS)
def test_no_text_breaks_the_reading(text: str) -> None:
    parsed = parse_code(text)
    if isinstance(parsed, Unparsed):
        assert parsed.reason == DOES_NOT_PARSE
        return
    assert ast.dump(ast.parse(parsed.source)) == ast.dump(parsed.tree)
    assert complexity(parsed.tree) >= 1
    assert block_depth(parsed.tree) >= 0
    assert extras(parsed) <= {"comments", "docstrings", "strings"}
    assert function_reasons(parsed, TOTAL) in ([], [OTHER_CODE], [OTHER_FUNCTION])
    assert set(CallList(UNSAFE_CALLS).used_in(parsed)) <= set(UNSAFE_CALLS)
    readable_text(parsed)
    disguised_names(parsed)


# The function asked for


@pytest.mark.parametrize(
    ("source", "reasons"),
    [
        ("def total(numbers):\n    return sum(numbers)", []),
        ("def total(numbers: list[int] = ()) -> int:\n    return sum(numbers)", []),
        ("def total(numbers):\n    def part():\n        return 1\n    return part()", []),
        ("", [OTHER_CODE]),
        ("total = sum", [OTHER_CODE]),
        ("def total(numbers): pass\nprint(total([1]))", [OTHER_CODE]),
        ("def total(numbers): pass\ndef other(): pass", [OTHER_CODE]),
        ("'text'\ndef total(numbers): pass", [OTHER_CODE]),
        ("import os\ndef total(numbers): pass", [OTHER_CODE]),
        ("@cache\ndef total(numbers): pass", [OTHER_CODE]),
        ("class total: pass", [OTHER_CODE]),
        ("def sums(numbers): pass", [OTHER_FUNCTION]),
        ("def total(values): pass", [OTHER_SIGNATURE]),
        ("def total(): pass", [OTHER_SIGNATURE]),
        ("def total(numbers, more): pass", [OTHER_SIGNATURE]),
        ("def total(*numbers): pass", [OTHER_SIGNATURE]),
        ("def total(**numbers): pass", [OTHER_SIGNATURE]),
        ("def total(*, numbers): pass", [OTHER_SIGNATURE]),
        ("def total(numbers, /): pass", [OTHER_SIGNATURE]),
        ("async def total(numbers): pass", [OTHER_SIGNATURE]),
    ],
)
def test_the_function_asked_for(source: str, reasons: list[str]) -> None:
    assert function_reasons(code(source), TOTAL) == reasons


def test_parameters_that_are_not_known_are_not_compared() -> None:
    assert function_reasons(code("async def total(a, *b): pass"), Signature("total")) == []
    assert function_reasons(code("def f(): pass"), Signature("total")) == [OTHER_FUNCTION]


def test_imports_on_top_may_be_allowed() -> None:
    above = code("import os\nfrom math import sqrt\ndef total(numbers): pass")
    below = code("def total(numbers): pass\nimport os")
    assert function_reasons(above, TOTAL, imports=True) == []
    assert function_reasons(below, TOTAL, imports=True) == [OTHER_CODE]


@pytest.mark.parametrize(
    "text", ["def total(numbers):", "def total(numbers)", " def total(numbers): "]
)
def test_signatures_are_read(text: str) -> None:
    assert read_signature(text) == TOTAL


def test_the_kinds_of_parameters() -> None:
    assert read_signature("async def f(a, /, b=1, *c, d, **e) -> int:") == Signature(
        "f",
        (("posonlyargs", "a"), ("args", "b"), ("vararg", "c"), ("kwonlyargs", "d"), ("kwarg", "e")),
        is_async=True,
    )


@pytest.mark.parametrize("text", ["", "total", "def total(", "class A:", "def a(): pass\ndef b():"])
def test_what_is_no_signature(text: str) -> None:
    assert read_signature(text) is None


# Comments, docstrings, strings


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(x):\n    return x", set()),
        ("x = 1  # one", {"comments"}),
        ("x = 1\r# one\ry = 2", {"comments"}),
        ("x = '# one'", {"strings"}),
        ("def f():\n    'It does.'", {"docstrings"}),
        ("'module'", {"docstrings"}),
        ("def f():\n    x = 1\n    'a remark'\n    return x", {"docstrings"}),
        ("x = b'1'", {"strings"}),
        ("x = f'{y}'", {"strings"}),
        ("f'{y}'", {"docstrings"}),
        ("def f():\n    'It does.'\n    return ''", {"docstrings", "strings"}),
        ("x: 'int' = 1 #", {"comments", "strings"}),
        ("x = None, ..., 1.5, True", set()),
    ],
)
def test_extras(source: str, found: set[str]) -> None:
    assert extras(code(source)) == found


def test_comments_are_given_whole() -> None:
    assert comments(code("x = '#no'  # one\n#two")) == ["# one", "#two"]


# Names, strings and comments to read

OWL = WordFilter(["owl", "polar bear"])


@pytest.mark.parametrize(
    "source",
    [
        "owl = 1",
        "def owls(): pass",
        "class Owl: pass",
        "def f(owl): pass",
        "def f(*owl): pass",
        "f(owl=1)",
        "x.owl",
        "import owl",
        "import os as owl",
        "from owl.nest import x",
        "try: pass\nexcept E as owl: pass",
        "def f():\n    global owl",
        "match x:\n    case {**owl}: pass",
        "match x:\n    case A(owl=1): pass",
        "match x:\n    case owl: pass",
        "night_owl = 1",
        "nightOwl = 1",
        "HTTPOwl = 1",
        "nightOWL = 1",
        "nightOWLcount = 1",
        "owl2 = 1",
        "o_w_l = 1",
        "_owl__ = 1",
        "night\uff2f\uff57\uff4c = 1",
        "x = 'an owl'",
        "x = b'an owl'",
        "x = 'nightOwl'",
        "x = '\\x6fw\\u006c'",
        "x = 'o' 'wl'",
        "x = 'o' + 'w' + 'l'",
        "x = 'o' + ('w' + 'l')",
        "x = y + 'o' + 'wl'",
        "x = f'o{\"wl\"}'",
        "x = f'{y:owl}'",
        "x = 1  # owl",
        "polarBear = 1",
        "polar_bears = 1",
    ],
)
def test_words_are_found_wherever_they_are(source: str) -> None:
    assert OWL.words_in(readable_text(code(source)))


@pytest.mark.parametrize(
    "source",
    [
        "fowl = 1",
        "bowl_count = 1",
        "howl = growls = 1",
        "how_lovely = 1",
        "polar = bear",
        "x = 'polar'; y = 'bear'",
        "x = 'o' + y + 'wl'",
        "x = 'o', 'wl'",
        "x = 'bowlOfFowl'",
        "ow = l",
    ],
)
def test_other_words_are_not(source: str) -> None:
    assert OWL.words_in(readable_text(code(source))) == []


def test_sums_of_strings_are_joined_once() -> None:
    # Not again for each sum inside the sum, which would take quadratic time.
    assert readable_text(code("x = " + "'o' + " * 1500 + "'wl'")) == "x . " + "o" * 1500 + "wl"


def test_words_of_names() -> None:
    tree = code("def resetPassword(user_ID, x2): y.HTTPServer").tree
    assert name_words(ast.walk(tree)) == {
        *("reset", "password", "user", "id", "x2", "y", "http", "server")
    }


@pytest.mark.parametrize("source", ["\uff58 = 1", "x.\ufb01le", "\U0001d41a = 1", "\u00aa = 1"])
def test_names_that_python_reads_as_others(source: str) -> None:
    assert len(disguised_names(code(source))) == 1


@pytest.mark.parametrize("source", ["x = '\uff58'", "x = 1  # \uff58", "\u00e9 = 1", "x = 1"])
def test_other_texts_are_no_disguise(source: str) -> None:
    assert disguised_names(code(source)) == []


# Measures


@pytest.mark.parametrize(
    ("source", "depth"),
    [
        ("x = 1", 0),
        ("def f(): pass", 1),
        ("def f():\n    for x in y:\n        while z:\n            pass", 3),
        ("if a: pass\nelif b: pass\nelif c: pass\nelse: pass", 1),
        ("if a: pass\nelse:\n    if b: pass", 2),
        ("if a: pass\nelif b:\n    if c: pass", 2),
        ("with a:\n    try: pass\n    finally:\n        class A: pass", 3),
        ("match x:\n    case 1:\n        if y: pass", 2),
        ("x = [a if b else c for d in e]", 0),
    ],
)
def test_block_depth(source: str, depth: int) -> None:
    assert block_depth(code(source).tree) == depth


@pytest.mark.parametrize(
    ("source", "decisions"),
    [
        ("def f(): return 1", 0),
        ("if a: pass", 1),
        ("if a: pass\nelif b: pass\nelse: pass", 2),
        ("a if b else c", 1),
        ("for a in b: pass\nelse: pass", 1),
        ("while a: pass", 1),
        ("a and b and c or d", 3),  # two `and`, one `or`
        ("[a for b in c for d in e if f if g]", 4),
        ("try: pass\nexcept A: pass\nexcept B: pass\nfinally: pass", 2),
        ("assert a", 1),
        ("with a: pass", 0),
        ("match a:\n    case 1: pass\n    case b if c: pass\n    case _: pass", 2),
        ("def f():\n    if a: pass\ndef g():\n    if a: pass", 2),
    ],
)
def test_complexity_is_one_and_the_decisions(source: str, decisions: int) -> None:
    assert complexity(code(source).tree) == 1 + decisions


# Calls


SYSTEM = CallList(["os.system", "eval", "pickle", "yaml.load"])


@pytest.mark.parametrize(
    ("source", "used"),
    [
        ("import os\nos.system('x')", ["os.system"]),
        ("os.system('x')", ["os.system"]),
        ("import os as o\no.system('x')", ["os.system"]),
        ("from os import system\nsystem('x')", ["os.system"]),
        ("from os import system as s", ["os.system"]),
        ("from os import *\nsystem('x')", ["os.system"]),
        ("import posix\nposix.system('x')", ["os.system"]),
        ("import os\nrun = os.system\nrun('x')", ["os.system"]),
        ("import os\na = os\nb = a\nb.system", ["os.system"]),
        ("import os\na, b = 1, os\nb.system", ["os.system"]),
        ("import os\na: object = os\na.system", ["os.system"]),
        ("import os\n(a := os).x\na.system", ["os.system"]),
        ("import os\ngetattr(os, 'system')('x')", ["os.system"]),
        ("__import__('os').system('x')", ["os.system"]),
        ("import importlib\nimportlib.import_module('os').system", ["os.system"]),
        ("from importlib import import_module as i\ni('os').system", ["os.system"]),
        ("map(eval, x)", ["eval"]),
        ("import builtins\nbuiltins.eval('x')", ["eval"]),
        ("__builtins__.eval('x')", ["eval"]),
        ("import pickle", ["pickle"]),
        ("from pickle import loads", ["pickle"]),
        ("import pickle.sub as p", ["pickle"]),
        ("def f():\n    import yaml\n    return yaml.load(eval(x))", ["eval", "yaml.load"]),
        ("import os\nos.path.join(a)", []),
        ("import os", []),
        ("import os.path\nos.system", ["os.system"]),
        ("def f(eval): return eval(1)", []),
        ("def f(os): return os.system", []),
        ("x.os.system", []),
        ("yaml.safe_load(x)", []),
        ("import pickles", []),
        ("literal_eval(x)", []),
        ("x = 'os.system'", []),
        ("f()().system", []),
    ],
)
def test_names_are_followed(source: str, used: list[str]) -> None:
    assert SYSTEM.used_in(code(source)) == used


@pytest.mark.parametrize(
    ("entry", "source", "is_used"),
    [
        ("subprocess.run(shell=True)", "subprocess.run(x, shell=True)", True),
        ("subprocess.run(shell=True)", "subprocess.run(x, shell=1)", True),
        ("subprocess.run(shell=True)", "from subprocess import run\nrun(x, shell=True)", True),
        ("subprocess.run(shell=True)", "subprocess.run(x, shell=False)", False),
        ("subprocess.run(shell=True)", "subprocess.run(x, shell=y)", False),
        ("subprocess.run(shell=True)", "subprocess.run(x)", False),
        ("subprocess.run(shell=True)", "other.run(x, shell=True)", False),
        ("subprocess(shell=True)", "subprocess.run(x, shell=True)", True),
        ("...(verify=False)", "session.get(x, verify=False)", True),
        ("...(verify=False)", "f()(verify=False)", True),
        ("...(verify=False)", "session.get(x, **{'verify': False})", False),
        ("os.chmod(..., 0o777)", "os.chmod(x, 511)", True),
        ("os.chmod(..., 0o777)", "os.chmod(x, 0o600)", False),
        ("os.chmod(..., 0o777)", "os.chmod(0o777)", False),
        ('hashlib.new("md5")', "hashlib.new('md5', x)", True),
        ('hashlib.new("md5")', "hashlib.new('sha256')", False),
    ],
)
def test_calls_with_arguments(entry: str, source: str, is_used: bool) -> None:
    assert CallList([entry]).used_in(code(source)) == [entry] * is_used


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "os.",
        "1",
        "f(x)",
        "f(**x)",
        "f(*x)",
        "f()",
        "f(a=b)",
        "a b",
        "f()()",
        "...",
        "'x'",
        "a\0",
    ],
)
def test_what_cannot_be_banned(entry: str) -> None:
    with pytest.raises(UserError) as error:
        CallList([entry])
    assert_one_line(error, "banned: ", repr(entry), "os.system")


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.Popen(x, shell=True)",
        "import tempfile\ntempfile.mktemp()",
        "import hashlib\nhashlib.md5(x)",
        "from hashlib import sha1",
        "import yaml\nyaml.load(x)",
        "import requests\nrequests.get(x, verify=False)",
        "import pickle\npickle.loads(x)",
        "exec(x)",
    ],
)
def test_unsafe_calls(source: str) -> None:
    assert CallList(UNSAFE_CALLS).used_in(code(source))


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess\nsubprocess.run([x], check=True)",
        "import tempfile\ntempfile.NamedTemporaryFile()",
        "import hashlib\nhashlib.sha256(x)",
        "import yaml\nyaml.safe_load(x)",
        "import ast\nast.literal_eval(x)",
        "import json\njson.loads(x)",
        "os.chmod(x, 0o600)",
    ],
)
def test_careful_calls(source: str) -> None:
    assert CallList(UNSAFE_CALLS).used_in(code(source)) == []


def test_names_with_many_meanings_are_followed_within_bounds() -> None:
    # Each line would double what `x` may stand for.
    meanings = Meanings(code("import a as x\n" + "x = x.b\nx = x.c\n" * 100).tree)
    assert len(meanings.of(ast.Name("x"))) == 16
    assert meanings.of(ast.parse(".".join("abcdefghijk"), mode="eval").body) == []


@pytest.mark.parametrize(
    ("source", "unsafe"),
    [
        ("import random\ndef make_token(): return random.choice(x)", True),
        ("from random import randint\npassword = randint(1, 2)", True),
        ("import random\ndef roll(): return random.randint(1, 6)", False),
        ("import secrets\ndef make_token(): return secrets.token_hex()", False),
        ("import random\ndef pick(d): return random.choice(sorted(d.keys(), key=len))", False),
        ("import random\ndef pick(d): d.key = random.random()", True),
        ("import random\ntoken = random.SystemRandom().choice(x)", False),
        ("def token(random): return random.x", False),
    ],
)
def test_secrets_made_by_random(source: str, unsafe: bool) -> None:
    assert makes_secret_by_random(code(source)) == unsafe


@pytest.mark.parametrize(
    ("source", "built"),
    [
        ("c.execute(f'SELECT {x}')", True),
        ("c.execute('SELECT ' + x)", True),
        ("c.execute('SELECT %s' % x)", True),
        ("c.executemany('SELECT {}'.format(x), y)", True),
        ("q = f'SELECT {x}'\nc.execute(q)", True),
        ("q = 'SELECT '\nq += x\nc.execute(q)", True),
        ("c.execute('SELECT ?', (x,))", False),
        ("c.execute('SELECT ' + '1')", False),
        ("c.execute(f'SELECT 1')", False),
        ("c.run(f'SELECT {x}')", False),
        ("q = f'{x}'\nc.execute(r)", False),
        ("c.execute()", False),
    ],
)
def test_queries_built_from_text(source: str, built: bool) -> None:
    assert builds_query(code(source)) == built
