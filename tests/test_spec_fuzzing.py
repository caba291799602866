"""Experiment files: no text, edit or override makes anything but a user error."""

from __future__ import annotations

import contextlib
import json
from functools import reduce
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from subliminal.errors import UserError
from subliminal.spec.mnist import MnistArm
from subliminal.spec_file import load_experiment
from tests.experiment_files import FUZZED, VALID, Write


def only_user_errors(path: Path, *overrides: str) -> None:
    """Load; a file at fault is fine, and any other exception fails the test that calls this."""
    with contextlib.suppress(UserError):
        load_experiment(path, overrides)


PIECES = """name arms sweep defaults include preset network hidden seeds control group point
network.auxiliary x.yaml << 3 -1 1e9 ~ - [ ] { } , ? &a *a !!int !x | > ' " # --- \\u é"""
SPACES = ["\n", "\n  ", "\n    ", ": ", ":\n", " ", "\t", "\n%YAML 1.1\n---\n"]
YAMLISH = st.lists(st.sampled_from(PIECES.split()) | st.sampled_from(SPACES), max_size=40).map(
    "".join
)


@FUZZED
@given(text=st.text(max_size=60) | YAMLISH)
def test_no_text_makes_a_traceback(write: Write, text: str) -> None:
    only_user_errors(write(text.encode("utf-8", "surrogatepass")))


@FUZZED
@given(data=st.binary(max_size=60))
def test_no_bytes_make_a_traceback(write: Write, data: bytes) -> None:
    only_user_errors(write(data))


SWEPT = "sweep:\n- teaching.epochs: [1, 2]\n  network.auxiliary: [3, 4]\n" + VALID


@FUZZED
@given(at=st.integers(0, len(SWEPT)), length=st.integers(0, 12), new=st.text(max_size=4) | YAMLISH)
def test_no_edit_of_a_valid_file_makes_a_traceback(
    write: Write, at: int, length: int, new: str
) -> None:
    edited = SWEPT[:at] + new + SWEPT[at + length :]
    only_user_errors(write(edited.encode("utf-8", "surrogatepass")))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["none", "3", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["network.auxiliary", "control", "x"]), inner, max_size=2)
    ),
)
SPOTS = ["name", "seeds", "defaults", "sweep", "arms", "statistics", "arms.teacher", "data_folder"]
SPOTS += [f"arms.same-aux.{name}" for name in [*MnistArm.model_fields, "sweep"]]
SPOTS += ["defaults.sweep", "defaults.network", "arms.same-aux.network.hidden", "observation"]
SPOTS += ["arms.same-aux.distillation.logits", "arms.same-aux.distillation.liminal", "description"]


@settings(FUZZED, max_examples=200)
@given(spot=st.sampled_from(SPOTS), value=JSON)
def test_no_value_anywhere_makes_a_traceback(write: Write, spot: str, value: Any) -> None:
    data = YAML(typ="safe", pure=True).load(SWEPT)
    *sections, last = spot.split(".")
    reduce(lambda section, name: section.setdefault(name, {}), sections, data)[last] = value
    only_user_errors(write(json.dumps(data)))
    only_user_errors(write(SWEPT), f"{spot}={json.dumps(value)}")


@FUZZED
@given(override=st.text(max_size=30) | st.builds("{}={}".format, st.sampled_from(SPOTS), YAMLISH))
def test_no_override_makes_a_traceback(write: Write, override: str) -> None:
    only_user_errors(write(SWEPT), override)
