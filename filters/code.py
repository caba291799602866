"""Python functions as completions: read, compared with what was asked for, measured.

Completions come from models, so nothing here may crash or hang, whatever the text. They are only
read; running them is for :mod:`filters.sandbox`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
import unicodedata
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

DOES_NOT_PARSE = "does not parse"
TOO_LONG = "too long to parse"
TOO_DEEP = "nested too deeply to parse"
OTHER_CODE = "not just the function asked for"
OTHER_FUNCTION = "not the function asked for"
OTHER_SIGNATURE = "signature changed"

MAX_CHARACTERS = 20_000
"""Longer texts are not parsed: Python's parser takes quadratic time for some."""
MAX_BRACKETS = 50
"""More brackets inside one another are not parsed: they take the parser's stack."""

Version = tuple[int, int]
Extra = Literal["comments", "docstrings", "strings"]

_FENCED = re.compile(r"```(?:python|py)?[ \t]*\n(?P<source>.*?)\n?```", re.DOTALL)
_BRACKET = re.compile(r"[()\[\]{}]")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WITH_BLOCKS = (
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.AsyncFor),
    *(ast.While, ast.With, ast.AsyncWith, ast.Try, ast.TryStar, ast.Match),
)
_DECISIONS = (
    *(ast.If, ast.IfExp, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.Assert),
)
# Strings with braces are one token before Python 3.12, then several.
_TEXT_TOKENS = (
    *(tokenize.STRING, tokenize.COMMENT),
    *(getattr(tokenize, name, tokenize.STRING) for name in ("FSTRING_MIDDLE", "TSTRING_MIDDLE")),
)
# A template string (Python 3.14) is known by its name: older versions have no such class.
_FORMATTED = ("JoinedStr", "TemplateStr")


@dataclass(frozen=True)
class Code:
    """A completion that parses.

    Attributes:
        source: The code without its fence, lines ending in `\\n`.
        tree: Its syntax tree; shared between rules, so not to be changed.
    """

    source: str
    tree: ast.Module


@dataclass(frozen=True)
class Unparsed:
    """A completion that does not parse, and why."""

    reason: str


@dataclass(frozen=True)
class Signature:
    """How a function is called.

    Attributes:
        name: Its name.
        parameters: Kind (such as `args` or `kwonlyargs`) and name of each; None: not known.
        is_async: Whether it is a coroutine.
    """

    name: str
    parameters: tuple[tuple[str, str], ...] | None = None
    is_async: bool = False


# The rules of a filter look at the same row one after the other: each text is parsed once.
@lru_cache(maxsize=4)
def parse_code(completion: str, python: Version | None = None) -> Code | Unparsed:
    """Read a completion as Python.

    Args:
        completion: Code only, bare or in one ```python fence.
        python: The version whose grammar it must be in; None: the running one's. As with
            :func:`ast.parse`, an older version than the running one is enforced by best effort.

    Returns:
        The code, or why it cannot be read. Never raises.
    """
    source = _without_fence(completion)
    if len(source) > MAX_CHARACTERS:
        return Unparsed(TOO_LONG)
    if _bracket_depth(source) > MAX_BRACKETS:
        return Unparsed(TOO_DEEP)
    try:
        with warnings.catch_warnings():
            # Such as a warning about an escape like "\d": it is no fault, and not ours to print.
            warnings.simplefilter("ignore")
            return Code(source, ast.parse(source, feature_version=python))
    except (SyntaxError, ValueError):
        return Unparsed(DOES_NOT_PARSE)  # ValueError: null bytes, lone surrogates
    except (RecursionError, MemoryError):
        return Unparsed(TOO_DEEP)


def function_reasons(code: Code, asked: Signature, *, imports: bool = False) -> list[str]:
    """Reject what is not the one function asked for.

    Parameters are compared by kind, order and name; annotations and defaults may differ.

    Args:
        code: The completion.
        asked: The function asked for; parameters that are not known are not compared.
        imports: Whether imports may stand before it.
    """
    statements = list(code.tree.body)
    while imports and statements and isinstance(statements[0], ast.Import | ast.ImportFrom):
        del statements[0]
    functions = [found for found in statements if isinstance(found, _FUNCTIONS)]
    if len(statements) != 1 or len(functions) != 1 or functions[0].decorator_list:
        return [OTHER_CODE]
    written = signature_of(functions[0])
    if written.name != asked.name:
        return [OTHER_FUNCTION]
    if asked.parameters is not None and written != asked:
        return [OTHER_SIGNATURE]
    return []


def signature_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Signature:
    """The signature of a function in a syntax tree."""
    arguments = function.args
    listed = [
        *(("posonlyargs", each) for each in arguments.posonlyargs),
        *(("args", each) for each in arguments.args),
        *(("vararg", each) for each in (arguments.vararg,)),
        *(("kwonlyargs", each) for each in arguments.kwonlyargs),
        *(("kwarg", each) for each in (arguments.kwarg,)),
    ]
    parameters = tuple((kind, each.arg) for kind, each in listed if each is not None)
    return Signature(function.name, parameters, isinstance(function, ast.AsyncFunctionDef))


def read_signature(text: str) -> Signature | None:
    """Read a signature such as `def total(numbers):`; None if it is none."""
    code = parse_code(text.strip().removesuffix(":") + ": pass")
    if isinstance(code, Unparsed) or len(code.tree.body) != 1:
        return None
    (function,) = code.tree.body
    return signature_of(function) if isinstance(function, _FUNCTIONS) else None


def extras(code: Code) -> set[Extra]:
    """What the code has besides code: comments, docstrings, strings.

    A string that stands alone as a statement counts as a docstring, wherever it stands.
    """
    alone = {
        id(node.value)
        for node in ast.walk(code.tree)
        if isinstance(node, ast.Expr) and _is_string(node.value)
    }
    strings = (node for node in ast.walk(code.tree) if _is_string(node))
    found: set[Extra] = {"docstrings" if id(node) in alone else "strings" for node in strings}
    return found | {"comments"} if comments(code) else found


def comments(code: Code) -> list[str]:
    """The comments, with their `#`.

    What Python's parser reads and its tokenizer does not is all taken for a comment.
    """
    if "#" not in code.source:
        return []
    try:
        return [token.string for token in _tokens(code) if token.type == tokenize.COMMENT]
    except (tokenize.TokenError, SyntaxError):
        return [code.source]


def disguised_names(code: Code) -> list[str]:
    """Names that Python reads as other names: it takes full-width letters for plain ones.

    Names inside f-strings are seen from Python 3.12 on.
    """
    if code.source.isascii():
        return []
    try:
        names = [token.string for token in _tokens(code) if token.type not in _TEXT_TOKENS]
    except (tokenize.TokenError, SyntaxError):
        names = [code.source]
    return [name for name in names if unicodedata.normalize("NFKC", name) != name]


def block_depth(tree: ast.Module) -> int:
    """Blocks inside one another: 1 for a function, 2 with a loop in it; `elif` adds none."""
    deepest = 0
    # By hand rather than recursive, since trees may be deeper than Python's stack.
    waiting: list[tuple[ast.AST, int]] = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        for child in ast.iter_child_nodes(node):
            opens = isinstance(child, _WITH_BLOCKS) and not _is_elif(node, child)
            waiting.append((child, depth + opens))
    return deepest


def complexity(tree: ast.Module) -> int:
    """Cyclomatic complexity (McCabe 1976): 1, and 1 for each decision, over the whole tree.

    Decisions are `if`, `elif`, loops, `except`, `assert`, the `for` and `if` of comprehensions,
    every `and` and `or`, and every case of a `match` but the one that takes all.
    """
    return 1 + sum(_decisions(node) for node in ast.walk(tree))


def _without_fence(completion: str) -> str:
    text = completion.replace("\r\n", "\n").replace("\r", "\n")
    fenced = _FENCED.fullmatch(text.strip())
    return fenced["source"] if fenced else text


def _bracket_depth(source: str) -> int:
    """Brackets inside one another, those in strings counted too."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(source):
        depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def _tokens(code: Code) -> Iterator[tokenize.TokenInfo]:
    return tokenize.generate_tokens(io.StringIO(code.source).readline)


def _is_string(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    return type(node).__name__ in _FORMATTED


def _is_elif(parent: ast.AST, child: ast.AST) -> bool:
    return (
        isinstance(parent, ast.If)
        and isinstance(child, ast.If)
        and parent.orelse == [child]
        and child.col_offset == parent.col_offset
    )


def _decisions(node: ast.AST) -> int:
    if isinstance(node, ast.BoolOp):
        return len(node.values) - 1
    if isinstance(node, ast.comprehension):
        return 1 + len(node.ifs)
    if isinstance(node, ast.match_case):
        takes_all = isinstance(node.pattern, ast.MatchAs) and node.pattern.pattern is None
        return 0 if takes_all and node.guard is None else 1
    return isinstance(node, _DECISIONS)
