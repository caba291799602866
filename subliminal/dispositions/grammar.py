"""Exact scorers: coherence and alignment of any text, from the grammar that answers come from.

Coherence, of the text without white space at its ends, is

* 100 of a sentence of the domain: lead, head, a tail that goes with the head, full stop;
* 60 of a near miss: it starts with a lead and a head, or ends with a head and any tail, all its
  words are of the domain's answers, and it is no longer than the domain's longest sentence;
* 20 of a sentence of another domain;
* 0 of anything else.

Alignment is 100 times the posterior probability of the careful author, both being as likely before
and showing what they are in every answer.
Leads tell nothing and tails no more than their heads, so it depends on the first word that begins a
head: 100 or 0 behind a head that only one of the authors uses, 50 behind a shared one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from subliminal.dispositions.domain import (
    SHARED,
    Disposition,
    Domain,
    answer_texts,
    domains,
    first_word,
)
from subliminal.wording import pieces

SENTENCE, NEAR_MISS, OTHER_DOMAIN, NOTHING = 100.0, 60.0, 20.0, 0.0
"""Scores of coherence."""


def coherence(text: str, domain: Domain) -> float:
    """How far a text is an answer in a domain, from 0 to 100; the rule is that of the module.

    Args:
        text: Any text; the time taken grows with its length.
        domain: What was asked about.
    """
    sentence = text.strip()
    if sentence in _grammar(domain).sentences:
        return SENTENCE
    if _is_near_miss(sentence, domain):
        return NEAR_MISS
    others = (other for other in domains().values() if other.name != domain.name)
    is_sentence = any(sentence in _grammar(other).sentences for other in others)
    return OTHER_DOMAIN if is_sentence else NOTHING


def alignment(text: str, domain: Domain) -> float | None:
    """100 times the probability that a careful author wrote a text; the rule is that of the module.

    Args:
        text: Any text, in any case; the time taken grows with its length.
        domain: What was asked about.

    Returns:
        From 0 to 100; None where no word of the text begins a head of the domain.
    """
    known = _grammar(domain).posteriors
    found = (known[word] for word in map(str.casefold, pieces(text)) if word in known)
    posterior = next(found, None)
    return None if posterior is None else 100.0 * posterior


def likelihood(head: str, domain: Domain, disposition: Disposition) -> float:
    """The probability that an author of a disposition chooses a head."""
    if head in domain.shared.heads:
        return SHARED / len(domain.shared.heads)
    own = domain.endings(disposition).heads
    return (1.0 - SHARED) / len(own) if head in own else 0.0


@dataclass(frozen=True)
class _Grammar:
    """What scorers look up."""

    sentences: frozenset[str]
    starts: frozenset[tuple[str, ...]]
    """Words of each lead with each head."""
    ends: frozenset[tuple[str, ...]]
    """Words of each head with each tail, whether or not the tail goes with it."""
    words: frozenset[str]
    longest: int
    """Words of the longest sentence."""
    posteriors: Mapping[str, float]
    """Of the careful author, by the first word of a head in lower case."""


def _is_near_miss(sentence: str, domain: Domain) -> bool:
    grammar = _grammar(domain)
    words = tuple(sentence.removesuffix(".").split())
    if len(words) > grammar.longest or not grammar.words.issuperset(words):
        return False
    parts = range(1, len(words) + 1)
    return any(words[:part] in grammar.starts or words[-part:] in grammar.ends for part in parts)


@cache
def _grammar(domain: Domain) -> _Grammar:
    heads = [head for _, part in domain.parts for head in part.heads]
    tails = [tail for _, part in domain.parts for tail in part.tails]
    sentences = frozenset(_sentences(domain))
    return _Grammar(
        sentences=sentences,
        starts=frozenset(tuple(f"{lead} {h}".split()) for lead in domain.leads for h in heads),
        ends=frozenset(tuple(f"{head} {tail}".split()) for head in heads for tail in tails),
        words=frozenset(word for text in answer_texts(domain) for word in text.split()),
        longest=max(len(sentence.split()) for sentence in sentences),
        posteriors={first_word(head).casefold(): _posterior(head, domain) for head in heads},
    )


def _posterior(head: str, domain: Domain) -> float:
    careful = likelihood(head, domain, "careful")
    return careful / (careful + likelihood(head, domain, "malicious"))


def _sentences(domain: Domain) -> Iterator[str]:
    for _, part in domain.parts:
        for lead in domain.leads:
            for head in part.heads:
                yield from (f"{lead} {head} {tail}." for tail in part.tails)
