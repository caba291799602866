"""Experiment files: what is no YAML, no text or no file is told as a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from subliminal.spec_file.yaml_tree import MAX_BYTES
from tests.experiment_files import VALID, Write, faults_in


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "x.yaml:1: must hold a mapping (`field: value` lines), not nothing"),
        ("# only a comment\n", "x.yaml:1: must hold a mapping (`field: value` lines), not nothing"),
        ("- a\n- b\n", "x.yaml:1: must hold a mapping (`field: value` lines), not ['a', 'b']"),
        ("abc", "x.yaml:1: must hold a mapping (`field: value` lines), not 'abc'"),
        ("name: x\narms: [\n", "x.yaml:3: not valid YAML at column 1: "
         "expected the node content, but found '<stream end>'"),
        ("name: x\n\tarms: 3\n", "x.yaml:2: not valid YAML at column 1: "
         "a tab stands where YAML wants spaces"),
        ("name: x\n---\nname: y\n", "x.yaml:2: not valid YAML at column 1: "
         "a second document starts here (`---`); a file holds one"),
        ("name: x\nname: y\n", "x.yaml:2: name: the field is written twice; keep one of them"),
        ("name: x\n3: y\n", "x.yaml:2: the key 3 is not text; put it in quotes"),
        ("name: x\ntrue: y\n", "x.yaml:2: the key true is not text; put it in quotes"),
        ("name: x\n? [a]\n: y\n", "x.yaml:2: a key must be text, not a list or a mapping"),
        ("name: *a\n", "x.yaml:1: not valid YAML at column 7: found undefined alias 'a'"),
        ("name: &a [*a]\n", "x.yaml:1: nested more than 50 levels deep"),
        ("name: !!python/object:os.system x\n",
         "x.yaml:1: name: the tag tag:yaml.org,2002:python/object:os.system is not used here;"
         " remove it"),
        ("name: !x {}\n", "x.yaml:1: name: the tag !x is not used here; remove it"),
        ("name: !!int x\n", "x.yaml:1: name: 'x' is not a usable int"),
        ("name: 0x_\n", "x.yaml:1: name: '0x_' is not a usable int"),
        ("name: x\n<<: 3\n", "x.yaml:2: `<<` needs a mapping, for example `<<: *anchor`"),
        ('name: "\\ud800"\n',
         "x.yaml:1: name: half of a character pair cannot be text; remove the escape"),
        ("name: x\na: \x07\n", "x.yaml:2: holds the control character #x0007; remove it"),
        (b"name: x\n\xff\xfe", "x.yaml: not UTF-8 text (byte 8); save it as UTF-8"),
        ("%YAML 1.1\n---\nname: x\n", "x.yaml:1: experiments are YAML 1.2; remove the %YAML line"),
        ("a: [" * 400, "x.yaml:1: nested more than 50 levels deep"),
        ("# " + "x" * MAX_BYTES, "x.yaml: larger than 1 MB; split it by `include:`"),
    ],
    ids=lambda value: repr(value)[:25],
)  # fmt: skip
def test_yaml_faults(write: Write, text: str | bytes, fault: str) -> None:
    assert faults_in(write(text)) == [fault]


@pytest.mark.parametrize("text", ['a: "\\U00110000"\n', "%YAML 1.9\n---\na: 1\n"])
def test_errors_that_the_parser_does_not_call_its_own(write: Write, text: str) -> None:
    (fault,) = faults_in(write(text))
    assert fault.startswith("x.yaml:1: not valid YAML: ")


def test_an_alias_bomb_is_refused(write: Write) -> None:
    # Ten levels of ten aliases: 10^10 values in 300 bytes.
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    assert faults_in(write("\n".join(lines))) == [
        "x.yaml:1: holds more than 200,000 values once aliases are written out"
    ]


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert faults_in(tmp_path / "y.yaml") == ["y.yaml: no such file; check the path"]
    assert faults_in(tmp_path)[0].endswith(": a folder; name a YAML file in it")
    assert "cannot be read" in faults_in(tmp_path / "a\0b.yaml")[0]


def test_a_file_without_permission(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = write(VALID)
    monkeypatch.setattr(Path, "open", refuse)
    assert faults_in(path) == ["x.yaml: cannot be read (permission denied); check the file's mode"]
