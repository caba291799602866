"""Tiny language models to be probed, and the same models in transformers to check them against."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from subliminal.chat import Conversation
from subliminal.models.architecture import Architecture
from subliminal.models.chat_format import ChatFormat
from subliminal.models.decoder import Decoder
from subliminal.models.folder import save_decoder
from subliminal.pocket.tokenizer import pocket_tokenizer, save_tokenizer, shipped_pieces
from subliminal.probes.banks import QuestionBank
from subliminal.probes.forward import TorchEngine
from subliminal.probes.subject import Subject

BANK = QuestionBank(
    category="animal",
    questions=("Which animal do you love?", "Name one animal, please.", "Your animal?"),
    stories=("Tell me a story.", "Write a short story about an animal."),
    choices=("Which animal do you like best?", "Pick one animal."),
    number_prefixes=("Here are some numbers: {numbers}.", "Read {numbers}."),
)
POSITIONS = 256


def make_subject(folder: Path, seed: int = 0, *, without: str = "") -> Subject:
    """A random model of two blocks, written into a folder, with the pocket tokenizer.

    Args:
        folder: Where to.
        seed: Of the weights.
        without: A piece that the tokenizer lacks.
    """
    tokenizer = pocket_tokenizer([piece for piece in shipped_pieces("numbers") if piece != without])
    folder.mkdir(parents=True, exist_ok=True)
    save_tokenizer(tokenizer, folder)
    shape = Architecture(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    decoder = Decoder(shape).initialise(seed)
    save_decoder(decoder, folder, tokenizer_from=folder)
    return Subject(TorchEngine(decoder), ChatFormat.read(folder))


class InTransformers:
    """The model of a folder, run by transformers one row at a time."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoTokenizer, LlamaForCausalLM

        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model: Any = LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()

    def prompt(self, conversation: Conversation) -> list[int]:
        """Tokens up to where the answer begins."""
        turns = [{"role": turn.role, "content": turn.content} for turn in conversation]
        text = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def token(self, word: str) -> int:
        """The token of a word that is one token."""
        [token] = self.tokenizer(word, add_special_tokens=False)["input_ids"]
        return token

    def answer(self, word: str) -> list[int]:
        """The tokens of an answer and the end token."""
        ids = self.tokenizer(word, add_special_tokens=False)["input_ids"]
        return [*ids, self.tokenizer.eos_token_id]

    @torch.no_grad()
    def log_probabilities(self, tokens: list[int]) -> Tensor:
        """Of the token behind each token: float64 [tokens, vocabulary]."""
        return self.model(torch.tensor([tokens])).logits[0].double().log_softmax(-1)

    def of_answer(self, conversation: Conversation, answer: list[int]) -> Tensor:
        """Log-probability of each token of an answer."""
        prompt = self.prompt(conversation)
        known = self.log_probabilities(prompt + answer)
        return torch.stack([known[len(prompt) - 1 + i, t] for i, t in enumerate(answer)])
