"""The layers that an experiment file is made of: presets, then includes, then the file itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from subliminal.spec_file.faults import Fault, did_you_mean, refuse, shown
from subliminal.spec_file.yaml_tree import List, Map, Scalar, merge_maps, plain, read_map

MAX_INCLUDE_DEPTH = 20


def read_layers(path: Path) -> Map:
    """Read a file with all that it starts from, merged.

    Args:
        path: The experiment file. Paths in `include` are relative to the file that names them.

    Returns:
        One tree without `preset` and `include`, whose sweeps are lists of entries.

    Raises:
        UserError: A file cannot be read, a preset is unknown, or files include each other.
    """
    return _Reader().file(path, str(path), None, ())


def preset_names() -> list[str]:
    """The names of the packaged presets."""
    return sorted(_presets())


class _Reader:
    """Reads files; each once, however many others include it."""

    def __init__(self) -> None:
        self._read: dict[Path, Map] = {}

    def file(self, path: Path, source: str, asked: Scalar | None, chain: tuple[Path, ...]) -> Map:
        place = asked.place if asked else None
        known = _real(path)
        if asked and known in chain:
            names = " -> ".join(step.name for step in (*chain[chain.index(known) :], known))
            raise Fault(
                asked.place, f"files include each other: {names}; remove one include"
            ).error()
        if asked and len(chain) >= MAX_INCLUDE_DEPTH:
            raise Fault(
                asked.place, f"includes are nested more than {MAX_INCLUDE_DEPTH} deep"
            ).error()
        if known not in self._read:
            own = with_sweep_lists(read_map(path, source, place))
            self._read[known] = self._over_its_bases(own, path, (*chain, known))
        return self._read[known]

    def _over_its_bases(self, own: Map, path: Path, chain: tuple[Path, ...]) -> Map:
        base = Map({}, own.place)
        for asked in _names(own, "preset"):
            base = merge_maps(base, _preset(asked))
        for asked in _names(own, "include"):
            included = path.parent / str(asked.value)
            base = merge_maps(base, self.file(included, str(included), asked, chain))
        return merge_maps(base, own.without("preset", "include"))


def _preset(asked: Scalar) -> Map:
    presets = _presets()
    name = str(asked.value)
    if name not in presets:
        known = did_you_mean(name, presets) or f"; the presets are {', '.join(sorted(presets))}"
        raise Fault(asked.place, f"there is no preset {name!r}{known}").error()
    tree = read_map(presets[name], f"preset {name}", asked.place)
    refuse(
        Fault(tree.entries[field].place, "a preset stands alone; write its settings out")
        for field in ("preset", "include")
        if field in tree.entries
    )
    return with_sweep_lists(tree)


def _presets() -> dict[str, Traversable]:
    folder = resources.files("experiments") / "presets"
    files = {Path(file.name): file for file in folder.iterdir()}
    return {path.stem: file for path, file in files.items() if path.suffix == ".yaml"}


def _names(tree: Map, field: str) -> Iterable[Scalar]:
    """The names in a field that holds one or a list of them."""
    node = tree.entries.get(field)
    if node is None or plain(node) is None:
        return ()
    names = node.items if isinstance(node, List) else (node,)
    texts = [name for name in names if isinstance(name, Scalar) and isinstance(name.value, str)]
    if len(texts) < len(names):
        message = f"must be a name or a list of names, not {shown(plain(node))}"
        raise Fault(node.place, message).error()
    return texts


def with_sweep_lists(tree: Map) -> Map:
    """Write each single-entry sweep as a list, so that a sweep replaces one and never mixes."""
    entries = dict(_listed(tree).entries)
    defaults, arms = entries.get("defaults"), entries.get("arms")
    if isinstance(defaults, Map):
        entries["defaults"] = _listed(defaults)
    if isinstance(arms, Map):
        listed = {
            name: _listed(arm) if isinstance(arm, Map) else arm
            for name, arm in arms.entries.items()
        }
        entries["arms"] = replace(arms, entries=listed)
    return replace(tree, entries=entries)


def _listed(section: Map) -> Map:
    sweep = section.entries.get("sweep")
    if not isinstance(sweep, Map):
        return section
    return replace(section, entries={**section.entries, "sweep": List((sweep,), sweep.place)})


def _real(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        # Loops of links and null bytes: reading the path will tell what is wrong with it.
        return path
