"""Experiment files: YAML in, validated experiment out, and back.

A file is read in layers, each laid over the one before: presets, includes, the file itself and
the overrides of the command line. Then `defaults` go under every arm, sweeps are spread, controls
resolved, and the result is validated as an experiment of the file's kind. Every fault is told with
the file and line it stands on.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pydantic import ValidationError
from ruamel.yaml import YAML

from subliminal.spec import Experiment
from subliminal.spec_file.arms import spread_arms
from subliminal.spec_file.faults import Fault, refuse
from subliminal.spec_file.kinds import Kind, kind_of
from subliminal.spec_file.layers import read_layers
from subliminal.spec_file.overrides import apply_overrides
from subliminal.spec_file.schema import unknown_field
from subliminal.spec_file.validation_faults import faults_of
from subliminal.spec_file.yaml_tree import Map, plain


def load_experiment(path: Path, overrides: Sequence[str] = ()) -> Experiment:
    """Read an experiment file.

    Args:
        path: YAML in the vocabulary of :func:`json_schema`.
        overrides: `path=value` items laid over the file, as `--set` on the command line.

    Returns:
        The experiment, resolved: every arm of every sweep with its settings and its control.

    Raises:
        UserError: One line for each fault: file, line, dotted field, what is wrong and the mend.
    """
    tree = apply_overrides(read_layers(path), overrides)
    kind = kind_of(tree)
    faults: list[Fault] = []
    return _validated(spread_arms(tree, kind, faults), kind, faults)


def dump_experiment(experiment: Experiment) -> str:
    """Write an experiment as YAML that :func:`load_experiment` reads back as an equal one.

    Args:
        experiment: As loaded; its arms keep their `group` and `point`.

    Returns:
        Plain YAML with every field, in the order of the models.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    # These are line breaks to some of YAML's readers; escaping them means escaping all.
    yaml.allow_unicode = not re.search("[\x85\u2028\u2029\ufeff]", experiment.model_dump_json())
    yaml.representer.ignore_aliases = lambda _: True
    stream = io.StringIO()
    yaml.dump(experiment.model_dump(mode="json"), stream)
    return stream.getvalue()


def _validated(tree: Map, kind: Kind, faults: list[Fault]) -> Experiment:
    # Strict, so that "3" is not 3 and true is not 1; as JSON, so that lists are still tuples.
    experiment = None
    try:
        experiment = kind.experiment.model_validate_json(json.dumps(plain(tree)), strict=True)
    except ValidationError as error:
        faults.extend(faults_of(error, tree, partial(unknown_field, kind)))
    refuse(faults)
    assert experiment is not None  # without faults it has been validated
    return experiment
