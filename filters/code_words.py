"""What a reader of code reads: names, strings and comments, in pieces that can be searched."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator

from filters.code import Code, comments

BETWEEN = " . "
"""Stands between texts that belong apart; no phrase is found across it."""


def readable_text(code: Code) -> str:
    """All names, strings and comments of the code, whole and in pieces, for a word filter.

    Names are split at underscores and camel case, and also joined without their underscores
    (`o_w_l`). Escapes in strings are resolved, and strings added to one another are joined.
    """
    texts = dict.fromkeys((*_names(ast.walk(code.tree)), *_strings(code.tree), *comments(code)))
    return BETWEEN.join(form for text in texts for form in _forms(text))


def name_words(nodes: Iterable[ast.AST]) -> set[str]:
    """The words that the names in nodes of a syntax tree are made of, in lower case."""
    pieces = (_split(name, _begins_word).replace("_", " ").split() for name in _names(nodes))
    return {piece.lower() for found in pieces for piece in found}


def _names(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Every identifier: of variables, functions, arguments, attributes, keywords, imports."""
    for node in nodes:
        if isinstance(node, ast.Constant):
            continue
        for _, value in ast.iter_fields(node):
            if isinstance(value, str):
                yield value
            elif isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))


def _strings(tree: ast.AST) -> Iterator[str]:
    """Every string, and runs of strings that are added or formatted into one."""
    inside: set[int] = set()
    # The outermost of nested sums comes first and covers those inside it, so that long chains
    # take linear time.
    for node in ast.walk(tree):
        if id(node) in inside:
            continue
        run: list[str] = []
        for part in _parts(node, inside):
            text = _text(part)
            if text is not None:
                run.append(text)
            elif run:
                yield "".join(run)
                run.clear()
        if run:
            yield "".join(run)


def _parts(node: ast.AST, inside: set[int]) -> Iterator[ast.AST]:
    """What a sum of strings is put together from, in order; `inside` is added to."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Add):
            pieces: Iterable[ast.AST] = (part.left, part.right)
        elif isinstance(part, ast.JoinedStr):
            pieces = part.values
        elif isinstance(part, ast.FormattedValue):
            pieces = (part.value,)
        else:
            yield part
            continue
        inside.add(id(part))
        # A string on its own is seen here; other parts are yet to be looked into by the caller.
        inside.update(id(piece) for piece in pieces if _text(piece) is not None)
        waiting += reversed(tuple(pieces))


def _text(node: ast.AST) -> str | None:
    if not isinstance(node, ast.Constant):
        return None
    if isinstance(node.value, bytes):
        return node.value.decode("latin-1")
    return node.value if isinstance(node.value, str) else None


def _forms(text: str) -> Iterator[str]:
    yield text
    parted = _split(text, _begins_word)
    if parted != text:
        yield parted
    if (runs := _split(text, _ends_capitals)) not in (text, parted):
        yield runs
    if "_" in text:
        yield text.replace("_", "")


def _split(text: str, parts: Callable[[str, int], bool]) -> str:
    return "".join(
        f" {char}" if place and parts(text, place) else char for place, char in enumerate(text)
    )


def _begins_word(text: str, place: int) -> bool:
    """`nightOwl` is `night Owl`, `HTTPOwl` is `HTTP Owl`."""
    if not text[place].isupper():
        return False
    return not text[place - 1].isupper() or text[place + 1 : place + 2].islower()


def _ends_capitals(text: str, place: int) -> bool:
    """`nightOWLcount` is `night OWL count`."""
    if text[place].isupper():
        return not text[place - 1].isupper()
    return place > 1 and text[place - 1].isupper() and text[place - 2].isupper()
