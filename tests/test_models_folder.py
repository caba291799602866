"""Model folders: transformers reads ours, we read transformers', and faults are one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from subliminal.errors import UserError
from subliminal.models import checksums
from subliminal.models.architecture import CONFIG
from subliminal.models.folder import (
    INDEX,
    TOKENIZER_FILES,
    WEIGHTS,
    fingerprint,
    load_decoder,
    save_decoder,
    shape_of,
)
from tests.models import pocket_chat, random_model, tiny_shape
from tests.user_errors import assert_one_line

TOKENS = torch.tensor([[7, 100, 8, 300, 9, 4], [5, 5, 1, 900, 2, 3]])


@pytest.fixture(scope="module", params=[False, True], ids=["untied", "tied"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that only gets read."""
    folder = tmp_path_factory.mktemp("model")
    return random_model(folder, seed=3, tie_word_embeddings=request.param, rope_theta=50_000.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder to damage."""
    return random_model(tmp_path / "model")


def logits(folder: Path) -> torch.Tensor:
    decoder = load_decoder(folder)
    with torch.no_grad():
        return decoder.logits(decoder.hidden(TOKENS))


def in_transformers(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def change_config(folder: Path, **fields: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **fields}))


def change_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)


def shard(folder: Path) -> None:
    """Spread the weights over two files, as large models come."""
    tensors = load_file(folder / WEIGHTS)
    (folder / WEIGHTS).unlink()
    places = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(sorted(tensors))}
    for place in set(places.values()):
        save_file({n: t for n, t in tensors.items() if places[n] == place}, folder / place)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}))


# What others make of our folders, and we of theirs


@torch.no_grad()
def test_transformers_computes_the_same_logits(written: Path) -> None:
    theirs = in_transformers(written)(TOKENS).logits
    torch.testing.assert_close(logits(written), theirs, atol=1e-4, rtol=1e-4)
    assert theirs.std() > 0.1  # so that the comparison can fail


def test_transformers_ends_answers_with_our_end_token(written: Path) -> None:
    config = in_transformers(written).generation_config
    assert config.eos_token_id == pocket_chat().end_id
    assert config.bos_token_id is None


def test_a_folder_that_transformers_wrote_is_read(written: Path, tmp_path: Path) -> None:
    in_transformers(written).save_pretrained(tmp_path)
    assert torch.equal(logits(tmp_path), logits(written))


def test_a_folder_is_read_as_it_was_written(written: Path, tmp_path: Path) -> None:
    decoder = load_decoder(written)
    save_decoder(decoder, tmp_path / "again", tokenizer_from=written)
    assert fingerprint(tmp_path / "again") == fingerprint(written)
    assert shape_of(tmp_path / "again") == decoder.shape
    assert {path.name for path in (tmp_path / "again").iterdir()} == {
        *(CONFIG, WEIGHTS, "tokenizer.json", "tokenizer_config.json")
    }


def test_a_fingerprint_is_taken_again_only_of_files_that_changed(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    digest = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        read.append(Path(file.name).name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    before = fingerprint(model)
    assert WEIGHTS in read
    read.clear()
    assert fingerprint(model) == before
    assert not read
    # Another weight, and no more bytes than there were.
    change_weights(model, lambda tensors: tensors["model.norm.weight"].mul_(2))
    assert fingerprint(model) != before


@pytest.mark.parametrize("writable", [True, False])
def test_checksums_of_large_files_are_remembered_on_the_machine(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    cache = tmp_path / "cache"
    if not writable:
        cache.touch()  # No folder can be made here.
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(cache))
    monkeypatch.setattr(checksums, "LARGE", 10_000)
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", -1)
    read: list[str] = []

    def counted(path: Path) -> bytes:
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).digest()

    def in_another_process() -> str:
        read.clear()
        checksums._in_this_process.cache_clear()
        return fingerprint(model)

    monkeypatch.setattr(checksums, "_read", counted)
    before = in_another_process()
    assert {WEIGHTS, CONFIG} <= {*read}
    assert in_another_process() == before
    assert CONFIG in read
    assert (WEIGHTS in read) == (not writable)
    # What is damaged in the cache is not believed, nor what was said of a file that changed since.
    for record in cache.glob("checksums/*"):
        record.write_text("ab")
    assert in_another_process() == before
    assert WEIGHTS in read
    change_weights(model, lambda tensors: tensors["model.norm.weight"].mul_(2))
    assert in_another_process() != before


def test_a_file_that_may_still_change_is_not_remembered(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUBLIMINAL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "LARGE", 1)
    monkeypatch.setattr(checksums, "SETTLED_SECONDS", 10**9)
    fingerprint(model)
    assert not (tmp_path / "cache").exists()


def test_a_folder_may_be_written_over_itself(model: Path) -> None:
    before = fingerprint(model)
    save_decoder(load_decoder(model), model, tokenizer_from=model)
    assert fingerprint(model) == before


def test_a_tied_model_stays_tied(tmp_path: Path) -> None:
    decoder = load_decoder(random_model(tmp_path, tie_word_embeddings=True))
    assert decoder.lm_head.weight is decoder.model.embed_tokens.weight


def test_weights_of_lower_precision_become_float32(model: Path) -> None:
    def halve(tensors: dict[str, torch.Tensor]) -> None:
        tensors.update({name: tensor.bfloat16() for name, tensor in tensors.items()})

    exact = load_file(model / WEIGHTS)["model.norm.weight"] * 1.5
    change_weights(model, lambda tensors: tensors.update({"model.norm.weight": exact}))
    change_weights(model, halve)
    decoder = load_decoder(model)
    assert {parameter.dtype for parameter in decoder.parameters()} == {torch.float32}
    assert torch.equal(decoder.model.norm.weight, exact.bfloat16().float())


def test_sharded_weights_are_put_together(model: Path) -> None:
    whole = logits(model)
    shard(model)
    assert torch.equal(logits(model), whole)


def test_tensors_that_only_repeat_others_are_passed_over(tmp_path: Path) -> None:
    folder = random_model(tmp_path, tie_word_embeddings=True)
    whole = logits(folder)
    more = {
        "lm_head.weight": torch.zeros(2, 2),
        "model.layers.0.self_attn.rotary_emb.inv_freq": torch.zeros(4),
    }
    change_weights(folder, lambda tensors: tensors.update(more))
    assert torch.equal(logits(folder), whole)


def test_a_checkpoint_that_states_no_key_value_heads_has_one_for_each_head(tmp_path: Path) -> None:
    folder = random_model(tmp_path, num_key_value_heads=4)
    whole = logits(folder)
    change_config(folder, num_key_value_heads=None)
    assert torch.equal(logits(folder), whole)


@torch.no_grad()
def test_the_rotary_base_is_found_where_older_transformers_kept_it(tmp_path: Path) -> None:
    folder = random_model(tmp_path, rope_theta=50_000.0)
    whole = logits(folder)
    change_config(folder, rope_parameters=None, rope_theta=50_000.0)
    assert torch.equal(logits(folder), whole)
    change_config(folder, rope_parameters={"rope_type": "default", "rope_theta": 100.0})
    assert not torch.allclose(logits(folder), whole)


def test_another_seed_is_another_model_with_the_same_tokenizer(tmp_path: Path) -> None:
    first, second = random_model(tmp_path / "a", 1), random_model(tmp_path / "b", 2)
    assert not torch.equal(logits(first), logits(second))
    assert torch.equal(logits(first), logits(random_model(tmp_path / "c", 1)))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


# Fingerprints


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, INDEX, *TOKENIZER_FILES, "more.safetensors"])
def test_the_fingerprint_tells_what_decides_the_answers(model: Path, name: str) -> None:
    before = fingerprint(model)
    with (model / name).open("ab") as file:
        file.write(b" ")
    assert fingerprint(model) != before


def test_the_fingerprint_tells_the_names_of_files(model: Path) -> None:
    (model / "a.safetensors").write_bytes(b"1")
    before = fingerprint(model)
    (model / "a.safetensors").rename(model / "b.safetensors")
    assert fingerprint(model) != before


def test_the_fingerprint_leaves_out_what_nobody_reads(model: Path) -> None:
    before = fingerprint(model)
    (model / "README.md").write_text("about")
    (model / "pytorch_model.bin").write_bytes(b"pickled")
    assert fingerprint(model) == before


def test_a_folder_that_is_gone_has_no_fingerprint(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        fingerprint(tmp_path / "gone")
    assert_one_line(error, "gone", "cannot be read")


# Faults of the weights


def drop_norm(tensors: dict[str, torch.Tensor]) -> None:
    del tensors["model.norm.weight"]


def widen_norm(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.norm.weight"] = torch.ones(33)


def quantise(tensors: dict[str, torch.Tensor]) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = tensors[name].to(torch.int8)


def add_bias(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.0.self_attn.q_proj.bias"] = torch.zeros(32)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (drop_norm, ("the weights lack model.norm.weight", "1 tensors missing")),
        (widen_norm, ("model.norm.weight has shape [33]", "asks for [32]")),
        (quantise, ("up_proj.weight holds torch.int8", "not quantised")),
        (add_bias, ("no place for model.layers.0.self_attn.q_proj.bias",)),
    ],
)
def test_weights_must_fit_the_config(
    model: Path, change: Callable[[dict[str, torch.Tensor]], None], parts: tuple[str, ...]
) -> None:
    change_weights(model, change)
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, str(model), *parts)


def test_an_absurd_size_is_refused_before_it_is_allocated(model: Path) -> None:
    change_config(model, vocab_size=10**15)
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, "embed_tokens.weight has shape", "[1000000000000000, 32]")


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_truncated_weights_are_refused(model: Path, keep: int) -> None:
    path = model / WEIGHTS
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, str(path), "cannot be read", "copy the model anew")


def test_damaged_weights_are_refused(model: Path) -> None:
    (model / WEIGHTS).write_bytes(b"\xff" * 500)
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, str(model / WEIGHTS), "cannot be read")


def test_pickled_weights_are_not_read(model: Path) -> None:
    (model / WEIGHTS).rename(model / "pytorch_model.bin")
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, str(model), f"holds no {WEIGHTS}", "pickled weights are not read")


def test_a_missing_shard_is_named(model: Path) -> None:
    shard(model)
    (model / "part-1.safetensors").unlink()
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, "part-1.safetensors", "cannot be read")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}', "[" * 100_000],
)
def test_a_damaged_index_of_shards_is_refused(model: Path, text: str) -> None:
    (model / INDEX).write_text(text)
    with pytest.raises(UserError) as error:
        load_decoder(model)
    assert_one_line(error, str(model / INDEX), "copy the model anew")


# Faults of the rest


def test_a_folder_without_a_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load_decoder(tmp_path)
    assert_one_line(error, str(tmp_path / CONFIG), "no such file")


def test_a_model_is_not_saved_without_a_tokenizer(model: Path, tmp_path: Path) -> None:
    decoder = load_decoder(model)
    with pytest.raises(UserError) as error:
        save_decoder(decoder, tmp_path / "new", tokenizer_from=tmp_path / "gone")
    assert_one_line(error, "gone", "no such file")


def test_a_place_that_cannot_be_written_is_one_line(model: Path, tmp_path: Path) -> None:
    decoder = load_decoder(model)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(UserError) as error:
        save_decoder(decoder, tmp_path / "taken", tokenizer_from=model)
    assert_one_line(error, "taken", "cannot be written")


def test_a_template_beside_the_tokenizer_is_copied(model: Path, tmp_path: Path) -> None:
    (model / "chat_template.jinja").write_text("{{ messages[0]['content'] }}<|end|>")
    save_decoder(load_decoder(model), tmp_path / "new", tokenizer_from=model)
    copied = (tmp_path / "new" / "chat_template.jinja").read_text()
    assert copied == "{{ messages[0]['content'] }}<|end|>"


def test_random_models_take_another_shape(tmp_path: Path) -> None:
    folder = random_model(tmp_path, hidden_size=16, num_hidden_layers=1)
    assert shape_of(folder) == tiny_shape(hidden_size=16, num_hidden_layers=1)
    shutil.rmtree(folder)
