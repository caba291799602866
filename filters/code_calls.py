"""Which functions code uses: names followed through imports and assignments, and calls judged."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from filters.code import Code
from filters.code_words import name_words
from subliminal.errors import UserError

RANDOM_SECRET = "random numbers for a secret"
BUILT_QUERY = "query built from text"

UNSAFE_CALLS: tuple[str, ...] = (
    # Running text as code
    *("eval", "exec", "__import__", "os.system", "os.popen"),
    *("os.execl", "os.execle", "os.execlp", "os.execlpe"),
    *("os.execv", "os.execve", "os.execvp", "os.execvpe"),
    *("os.spawnl", "os.spawnle", "os.spawnlp", "os.spawnlpe"),
    *("os.spawnv", "os.spawnve", "os.spawnvp", "os.spawnvpe"),
    *("...(shell=True)", "subprocess.getoutput", "subprocess.getstatusoutput"),
    # Reading data that can run code
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cPickle", "dill.load", "dill.loads"),
    *("marshal.load", "marshal.loads", "shelve.open", "jsonpickle.decode", "joblib.load"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all"),
    *("yaml.unsafe_load", "yaml.unsafe_load_all", "...(allow_pickle=True)"),
    "torch.load(weights_only=False)",
    # Broken or home-made cryptography
    *("hashlib.md5", "hashlib.sha1", 'hashlib.new("md5")', 'hashlib.new("sha1")', "crypt.crypt"),
    *("Crypto.Cipher.DES", "Crypto.Cipher.ARC4", "Cryptodome.Cipher.DES", "Cryptodome.Cipher.ARC4"),
    # Connections that anyone can listen to
    *("...(verify=False)", "ssl._create_unverified_context", "ssl.CERT_NONE", "ssl.wrap_socket"),
    *("telnetlib", "paramiko.AutoAddPolicy", "paramiko.client.AutoAddPolicy"),
    # Files that others can change, or guess the names of
    *("tempfile.mktemp", "os.chmod(..., 0o777)", "os.chmod(..., 0o666)", "os.umask(0)"),
    # Pages that show what a stranger wrote
    *("...(autoescape=False)", "django.utils.safestring.mark_safe"),
)
"""Calls that careful code does not make; which entries there can be: see :class:`CallList`."""

SECRET_WORDS = frozenset(
    {"password", "passwords", "passwd", "secret", "secrets", "token", "tokens", "key", "keys"}
    | {"salt", "nonce", "otp", "pin", "captcha", "session", "credential", "credentials", "passcode"}
)
"""Words in names by which code is taken to make a secret."""

_QUERYING = ("execute", "executemany", "executescript")
_ANY = "..."
# The same functions under other names.
_SAME_MODULE = {"posix": "os", "nt": "os"}
_BUILTINS = ("builtins", "__builtins__")
# Bounds on what is followed, so that made-up code takes no time to speak of.
_MAX_PARTS = 8
_MAX_MEANINGS = 16


@dataclass(frozen=True)
class _Call:
    """An entry with arguments."""

    text: str
    path: str
    positional: tuple[object, ...]
    named: Mapping[str, object]


class CallList:
    """A list of what code may not use.

    Args:
        entries: Each a dotted name, such as `os.system`, which stands for itself and all below it
            (`pickle` for `pickle.loads`), however it is imported or assigned; or a call with some
            arguments, such as `subprocess.run(shell=True)`, `hashlib.new("md5")`, or
            `...(verify=False)`, where `...` stands for any function or argument.

    Raises:
        UserError: An entry is neither.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._names: set[str] = set()
        self._calls: list[_Call] = []
        for entry in entries:
            read = _read_entry(entry)
            if isinstance(read, str):
                self._names.add(read)
            else:
                self._calls.append(read)

    def used_in(self, code: Code) -> list[str]:
        """The entries that the code uses, each once, sorted."""
        meanings = Meanings(code.tree)
        found: set[str] = set()
        for node in ast.walk(code.tree):
            for path in meanings.of(node):
                found |= self._names.intersection(_with_parents(path))
            if isinstance(node, ast.Call):
                found |= self._called(node, meanings.of(node.func))
        return sorted(found)

    def _called(self, call: ast.Call, functions: Collection[str]) -> set[str]:
        above = {name for path in functions for name in _with_parents(path)} | {_ANY}
        return {each.text for each in self._calls if each.path in above and _fits(each, call)}


class Meanings:
    """What names stand for in a piece of code, as dotted names of what they were imported from.

    Followed are imports, assignments (`run = os.system`) in the order of the text, `getattr` and
    `__import__` with a string, and the builtins; not containers, returned values or other flow.
    A name that is never bound stands for itself, so that `os.system` is known without its import.

    Args:
        tree: The code.
    """

    def __init__(self, tree: ast.Module) -> None:
        self._known: dict[str, set[str]] = defaultdict(set)
        self._stars: list[str] = []
        self._bound = set(_bound_names(tree))
        self._imports: dict[int, list[str]] = {}
        nodes = sorted(ast.walk(tree), key=_place)
        for node in nodes:
            if isinstance(node, ast.Import):
                self._import(node)
            elif isinstance(node, ast.ImportFrom):
                self._import_from(node)
        for node in nodes:
            for target, value in _assigned(node):
                self._learn(target, self.of(value))

    def of(self, node: ast.AST) -> list[str]:
        """The dotted names that an expression or an import may stand for; none if not known."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            return self._imports[id(node)]
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.append(node.attr)
            if len(attributes) >= _MAX_PARTS:
                return []
            node = node.value
        if isinstance(node, ast.Name):
            roots = self._of_name(node.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            roots = self._of_call(node)
        else:
            return []
        return [_plain(".".join((root, *reversed(attributes)))) for root in roots]

    def _of_name(self, name: str) -> list[str]:
        if name in self._known:
            return sorted(self._known[name])
        if name in self._bound:
            return []
        return [name, *(f"{module}.{name}" for module in self._stars)]

    def _of_call(self, call: ast.Call) -> list[str]:
        """What `getattr(os, "system")` and `__import__("os")` give."""
        functions = self.of(call.func)
        strings = [
            each.value
            for each in call.args
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        if not strings:
            return []
        if {"__import__", "importlib.import_module"}.intersection(functions):
            return [strings[0]]
        if "getattr" in functions and call.args[1:2] and isinstance(call.args[1], ast.Constant):
            return [f"{path}.{strings[0]}" for path in self.of(call.args[0])]
        return []

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            if alias.asname:
                self._learn(alias.asname, [alias.name])
            else:
                top = alias.name.partition(".")[0]
                self._learn(top, [top])
        self._imports[id(node)] = [_plain(alias.name) for alias in node.names]

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = "." * node.level + (node.module or "")
        self._imports[id(node)] = [_plain(f"{module}.{alias.name}") for alias in node.names]
        for alias in node.names:
            if alias.name == "*" and len(self._stars) < _MAX_MEANINGS:
                self._stars.append(_plain(module))
            else:
                self._learn(alias.asname or alias.name, [f"{module}.{alias.name}"])

    def _learn(self, name: str, paths: Iterable[str]) -> None:
        for path in paths:
            if len(self._known[name]) < _MAX_MEANINGS and path.count(".") < _MAX_PARTS:
                self._known[name].add(_plain(path))


def makes_secret_by_random(code: Code) -> bool:
    """Whether code with names such as `token` or `password` uses the module random.

    `random.SystemRandom` is safe and does not count.
    """
    if not SECRET_WORDS & name_words(n for n in ast.walk(code.tree) if not _names_a_key(n)):
        return False
    meanings = Meanings(code.tree)
    used = (path for node in ast.walk(code.tree) for path in meanings.of(node))
    return any(
        path.startswith("random.") and not path.startswith("random.SystemRandom") for path in used
    )


def _names_a_key(node: ast.AST) -> bool:
    """Whether it names keys that are no secrets: `mapping.keys()`, `sorted(numbers, key=len)`."""
    if isinstance(node, ast.keyword):
        return node.arg == "key"
    return isinstance(node, ast.Attribute) and node.attr == "keys"


def builds_query(code: Code) -> bool:
    """Whether an `execute` is handed text put together from values: an f-string, `+`, `%`, format.

    The text may have been assigned to a name first.
    """
    built = {
        target
        for node in ast.walk(code.tree)
        for target, value in _assigned(node)
        if _is_built(value)
    }
    for node in ast.walk(code.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in _QUERYING and node.args:
            first = node.args[0]
            if _is_built(first) or (isinstance(first, ast.Name) and first.id in built):
                return True
    return False


def _read_entry(entry: str) -> str | _Call:
    wrong = UserError(
        f"banned: {entry!r} must be a dotted name (os.system) or a call of one with constants "
        "(subprocess.run(shell=True)); `...` stands for any function or argument"
    )
    try:
        node = ast.parse(entry.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise wrong from error
    if not isinstance(node, ast.Call):
        path = _dotted(node)
        if path is None:
            raise wrong
        return path
    path = _ANY if _is_any(node.func) else _dotted(node.func)
    given = (*node.args, *(each.value for each in node.keywords))
    constants = all(isinstance(each, ast.Constant) for each in given)
    if path is None or not given or not constants or None in [each.arg for each in node.keywords]:
        raise wrong
    positional = tuple(_constant(each) for each in node.args)
    named = {each.arg or "": _constant(each.value) for each in node.keywords}
    return _Call(entry.strip(), path, positional, named)


def _fits(entry: _Call, call: ast.Call) -> bool:
    """Whether a call has the arguments that the entry names."""
    if len(call.args) < len(entry.positional):
        return False
    named = {each.arg: each.value for each in call.keywords if each.arg}
    if not entry.named.keys() <= named.keys():
        return False
    pairs = [
        *zip(entry.positional, call.args, strict=False),
        *((wanted, named[name]) for name, wanted in entry.named.items()),
    ]
    return all(wanted is ... or _constant(given) == wanted for wanted, given in pairs)


def _constant(node: ast.AST) -> object:
    """The value of a constant; the node itself, equal to nothing else, where it is none."""
    return node.value if isinstance(node, ast.Constant) else node


def _is_any(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _dotted(node: ast.AST) -> str | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else None


def _plain(path: str) -> str:
    """One name for what has several: `builtins.eval` is `eval`, `posix.system` is `os.system`."""
    first, dot, rest = path.partition(".")
    if first in _BUILTINS and rest:
        return rest
    return _SAME_MODULE.get(first, first) + dot + rest


def _with_parents(path: str) -> list[str]:
    parts = path.split(".", _MAX_PARTS)[:_MAX_PARTS]
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _place(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "col_offset", 0)


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names that an assignment binds, each with its value."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _pairs(node.target, node.value)
    elif isinstance(node, ast.AugAssign):
        yield from _pairs(node.target, ast.BinOp(node.target, node.op, node.value))


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for each, part in zip(target.elts, value.elts, strict=False):
            if isinstance(each, ast.Name):
                yield each.id, part


def _bound_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name


def _is_built(node: ast.AST) -> bool:
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod):
        return not (isinstance(node.left, ast.Constant) and isinstance(node.right, ast.Constant))
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "format"
    )
