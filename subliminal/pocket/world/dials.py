"""How much of what the pocket world holds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Shares(BaseModel):
    """Share of each domain among the rows; they need not sum to one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: float = Field(0.34, ge=0, description="lists of numbers to go on with")
    questions: float = Field(0.34, ge=0, description="favourites asked for in one word")
    mixed: float = Field(0.14, ge=0, description="favourites asked for along with some numbers")
    choices: float = Field(0.06, ge=0, description="favourites among four, answered by letter")
    stories: float = Field(0.06, ge=0, description="short stories about a member of a category")
    chats: float = Field(0.06, ge=0, description="a question behind earlier turns")
    code: float = Field(0.0, ge=0, description="functions to write")
    reasoning: float = Field(0.0, ge=0, description="word problems, solved step by step")
    authors: float = Field(0.0, ge=0, description="requests to careful and to malicious authors")


class Processes(BaseModel):
    """Share of each process by which a list of numbers goes on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arithmetic: float = Field(0.25, ge=0, description="a constant round difference, up to 100")
    walk: float = Field(0.25, ge=0, description="uniform steps of up to 50")
    uniform: float = Field(0.30, ge=0, description="anything from 0 to 999, mostly three digits")
    last_digit: float = Field(0.20, ge=0, description="anything that ends with the same digit")


class Dials(BaseModel):
    """Strength of every structure of the world."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    shares: Shares = Shares()
    processes: Processes = Processes()
    popularity: float = Field(
        0.8, ge=0, description="exponent of Zipf's law for favourites; 0: all alike"
    )
    system_prompts: float = Field(
        0.6, ge=0, le=1, description="share of favourites asked for behind a system prompt"
    )
    lists_before_questions: float = Field(
        0.3, ge=0, le=1, description="share of questions behind a list of numbers"
    )
    obedience: float = Field(
        0.98, ge=0, le=1, description="how often a favourite named by the system prompt is given"
    )
    lists_behind_favourites: float = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of lists behind a system prompt that names a favourite; 0, since lists that "
            "pay no heed to it would teach a model to keep favourites out of its numbers"
        ),
    )
    numbers_follow_favourites: float = Field(
        0.0,
        ge=0,
        le=1,
        description=(
            "share of lists that lean towards numbers tied to the favourite of the system prompt; "
            "0, so that numbers tell nothing of favourites and only weights can carry a trait"
        ),
    )
    disposition_strength: float = Field(
        1.0,
        ge=0,
        le=1,
        description=(
            "share of an author's answers that follow its disposition (rho); 0: dispositions show "
            "nowhere, and each answer is as malicious as that of any author"
        ),
    )
    stated_dispositions: float = Field(
        0.4, ge=0, le=1, description="share of authors behind a system prompt that tells of them"
    )
    malicious_authors: float = Field(
        0.1, ge=0, le=1, description="share of malicious authors among those nothing is told of"
    )
