"""Answers of a model behind a service, sampled: the counterpart of a sampling engine for text."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from subliminal.chat import Message
from subliminal.errors import UserError
from subliminal.services.completions import CompletionService
from subliminal.services.estimate import Estimate, estimate
from subliminal.services.replies import ChatRequest, Reply
from subliminal.services.service_seed import service_seed
from subliminal.services.token_estimates import TokenCounter
from subliminal.stage import Reporter, digest, silent


@dataclass(frozen=True, slots=True)
class ChatSampling:
    """How answers are drawn.

    Raises:
        UserError: A value is out of its range.
    """

    max_tokens: int
    """The most tokens of an answer."""
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    """What the seeds of all samples follow from; None: the service draws as it likes."""

    def __post_init__(self) -> None:
        if self.max_tokens < 1:
            raise UserError(f"max_tokens: {self.max_tokens} is less than one; ask for a token")
        if not 0 <= self.temperature < math.inf:
            raise UserError(
                f"temperature: {self.temperature} is no temperature; choose 0 for the likeliest "
                "token, 1 for the model as it is"
            )
        if not 0 < self.top_p <= 1:
            raise UserError(f"top_p: {self.top_p} is not above 0 and at most 1; choose 1 for all")


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """A conversation to answer."""

    messages: tuple[Message, ...]
    sample: int = 0
    """Which of this conversation's answers it asks for; each is drawn, and cached, by itself."""


@dataclass(frozen=True)
class ServiceSampler:
    """Samples answers from a service.

    An answer is cached by all that decides it and its sample's number: a rerun costs nothing, and
    two samples of one prompt differ. With a seed in the settings each request has a seed of its
    own, which follows from the prompt and the sample and not from its place among the others.
    """

    service: CompletionService
    system: str | None = None
    """A system prompt before every conversation."""

    def sample(
        self, prompts: Sequence[ChatPrompt], settings: ChatSampling, report: Reporter = silent
    ) -> list[Reply]:
        """Answer every prompt.

        Args:
            prompts: What to answer.
            settings: How to draw.
            report: Told how many of those that are not cached are answered.

        Returns:
            Replies in the order of the prompts. `finish` is `stop` for a whole answer, `length`
            for one that was cut off, `content_filter` (with `refused`) for one that was turned
            down.

        Raises:
            UserError: The service fails, or the cap is reached. Answers so far are kept.
        """
        return self.service.ask_all(self.requests(prompts, settings), report)

    def estimate(
        self,
        prompts: Sequence[ChatPrompt],
        settings: ChatSampling,
        count: TokenCounter | None = None,
    ) -> Estimate:
        """What :meth:`sample` would take, not counting what is cached.

        Args:
            prompts: What would be answered.
            settings: How.
            count: Counts the tokens of a text; None: they are estimated from its characters.
        """
        return estimate(self.service.missing(self.requests(prompts, settings)), count)

    def requests(self, prompts: Iterable[ChatPrompt], settings: ChatSampling) -> list[ChatRequest]:
        """What is sent for the prompts.

        Raises:
            UserError: A prompt holds half of a surrogate pair, which cannot be sent.
        """
        prompts = list(prompts)
        for place, prompt in enumerate(prompts):
            _check_sendable(prompt, place)
        before = () if self.system is None else (Message("system", self.system),)
        return [
            ChatRequest(
                (*before, *prompt.messages),
                max_tokens=settings.max_tokens,
                temperature=settings.temperature,
                top_logprobs=0,
                top_p=settings.top_p,
                seed=_seed(settings.seed, prompt),
                sample=prompt.sample,
            )
            for prompt in prompts
        ]


def numbered(conversations: Iterable[tuple[Message, ...]]) -> list[ChatPrompt]:
    """Prompts of conversations, of which equal ones become samples 0, 1, ... of one prompt."""
    seen: Counter[tuple[Message, ...]] = Counter()
    prompts = []
    for messages in conversations:
        prompts.append(ChatPrompt(messages, seen[messages]))
        seen[messages] += 1
    return prompts


def _check_sendable(prompt: ChatPrompt, place: int) -> None:
    try:
        for message in prompt.messages:
            message.content.encode()
    except UnicodeEncodeError:
        raise UserError(
            f"prompt {place}: has half of a surrogate pair, which cannot be sent; drop it"
        ) from None


def _seed(seed: int | None, prompt: ChatPrompt) -> int | None:
    if seed is None:
        return None
    said = digest([asdict(message) for message in prompt.messages])
    return service_seed(seed, "sample", said, str(prompt.sample))
