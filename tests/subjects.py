"""Models to be probed, and what is behind their engines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from subliminal.models.chat_format import ChatFormat
from subliminal.models.folder import load_decoder
from subliminal.models.language_model import LanguageModel
from subliminal.models.steering import Steering
from subliminal.probes.forward import TorchEngine
from subliminal.probes.subject import Subject


def subject_in(folder: Path) -> Subject:
    """The small Llama in a folder."""
    return Subject(TorchEngine(load_decoder(folder)), ChatFormat.read(folder))


def torch_engine(subject: Subject) -> TorchEngine:
    """The engine of a subject that PyTorch runs."""
    assert isinstance(subject.engine, TorchEngine)
    return subject.engine


def decoder_of(subject: Subject) -> LanguageModel:
    """The model of a subject that PyTorch runs."""
    return torch_engine(subject).decoder


def steered(subject: Subject, steering: Steering) -> Subject:
    """The same model with a vector."""
    return replace(subject, engine=replace(torch_engine(subject), steering=steering))
