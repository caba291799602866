"""Architectures: what config.json may say, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subliminal.errors import UserError
from subliminal.models.architecture import CONFIG, Architecture, read_architecture
from subliminal.models.decoder import Decoder
from tests.models import tiny_shape
from tests.user_errors import assert_one_line

SHAPE = tiny_shape(vocab_size=50)


def write(folder: Path, data: object) -> Path:
    (folder / CONFIG).write_text(json.dumps(data))
    return folder / CONFIG


def test_the_config_states_the_architecture(tmp_path: Path) -> None:
    shape = tiny_shape(rope_theta=123.0, rms_norm_eps=1e-3, tie_word_embeddings=True)
    assert read_architecture(write(tmp_path, shape.config())) == shape


def test_what_most_configs_leave_out_has_the_values_of_transformers(tmp_path: Path) -> None:
    needed = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    config = {name: getattr(SHAPE, name) for name in needed}
    found = read_architecture(write(tmp_path, {**config, "num_attention_heads": 4}))
    from transformers import LlamaConfig

    theirs = LlamaConfig(**config, num_attention_heads=4)
    for name in (
        *("num_key_value_heads", "max_position_embeddings", "rms_norm_eps"),
        *("tie_word_embeddings", "initializer_range"),
    ):
        assert getattr(found, name) == getattr(theirs, name), name
    assert found.rope_theta == 10_000.0
    assert found.head_size == theirs.head_dim


def test_the_parameters_are_counted(tmp_path: Path) -> None:
    shape = tiny_shape(vocab_size=50)
    decoder = Decoder(shape)
    matrices = sum(p.numel() for n, p in decoder.model.layers.named_parameters() if p.dim() == 2)
    assert shape.matrix_parameters == matrices
    assert shape.head_parameters == decoder.lm_head.weight.numel()
    keys = dict(decoder.named_parameters())["model.layers.0.self_attn.k_proj.weight"]
    assert shape.key_value_size == len(keys)


@pytest.mark.parametrize(
    ("fields", "parts"),
    [
        ({"model_type": "gpt2"}, ("model_type is 'gpt2'", "'llama'")),
        ({"hidden_act": "gelu"}, ("hidden_act is 'gelu'", "'silu'")),
        ({"attention_bias": True}, ("attention_bias is True",)),
        ({"mlp_bias": True}, ("mlp_bias is True",)),
        ({"quantization_config": {"bits": 4}}, ("quantization_config", "quantised weights")),
        (
            {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1e4}},
            ("rope_parameters.rope_type is 'llama3'",),
        ),
        (
            {"rope_scaling": {"type": "linear", "factor": 2.0}},
            ("rope_scaling.rope_type is 'linear'",),
        ),
        ({"rope_scaling": "linear"}, ("rope_scaling is 'linear' and no object",)),
        ({"head_dim": 64}, ("head_dim is 64", "= 8")),
        ({"hidden_size": 30}, ("hidden_size 30 is not a multiple of num_attention_heads 4",)),
        ({"hidden_size": 12}, ("= 3 is odd",)),
        (
            {"num_key_value_heads": 3},
            ("num_attention_heads 4 is not a multiple of num_key_value_heads 3",),
        ),
        ({"vocab_size": 0}, ("vocab_size: ", "mend the file")),
        ({"num_hidden_layers": "two"}, ("num_hidden_layers: ",)),
        ({"hidden_size": None}, ("hidden_size: ",)),
        ({"rms_norm_eps": 0}, ("rms_norm_eps: ",)),
        ({"rope_parameters": {"rope_theta": float("inf")}}, ("rope_theta: ", "finite")),
    ],
)
def test_what_the_engine_cannot_compute_is_refused(
    tmp_path: Path, fields: dict[str, Any], parts: tuple[str, ...]
) -> None:
    path = write(tmp_path, {**SHAPE.config(), **fields})
    with pytest.raises(UserError) as error:
        read_architecture(path)
    assert_one_line(error, str(path), *parts)


def test_a_field_that_is_needed_is_named(tmp_path: Path) -> None:
    config = SHAPE.config()
    del config["intermediate_size"]
    with pytest.raises(UserError) as error:
        read_architecture(write(tmp_path, config))
    assert_one_line(error, "intermediate_size: Field required")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"text"', "null", "[" * 100_000, "\xff"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / CONFIG
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError) as error:
        read_architecture(path)
    assert_one_line(error, str(path), "copy the model anew")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        read_architecture(tmp_path / CONFIG)
    assert_one_line(error, str(tmp_path / CONFIG), "no such file")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(SHAPE.config())), JSON)
def test_no_value_of_a_field_ends_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    path = write(tmp_path_factory.getbasetemp(), {**SHAPE.config(), field: value})
    fault = fault_of(path)
    assert "\n" not in fault
    assert fault == "" or str(path) in fault


def fault_of(path: Path) -> str:
    """What is wrong with a config; nothing if it is read."""
    try:
        assert isinstance(read_architecture(path), Architecture)
    except UserError as error:
        return str(error)
    return ""
