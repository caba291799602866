"""What a model is asked when it is probed, as rows that it reads and prompts that it continues."""

from __future__ import annotations

from dataclasses import dataclass

from subliminal.dispositions import domains
from subliminal.plan.row_lengths import RowLengths, RowTokens
from subliminal.probes.bank_kinds import Bank
from subliminal.probes.banks import QuestionBank
from subliminal.probes.disposition_bank import DispositionBank, code_questions
from subliminal.probes.disposition_probes import kind_and_way
from subliminal.probes.free_form import FREE_FORM
from subliminal.probes.headline import with_fewer_tasks
from subliminal.probes.multiple_choice import CIRCLES
from subliminal.probes.options import OPTIONS
from subliminal.probes.pivotal import PIVOTAL
from subliminal.probes.probe import probes_of
from subliminal.probes.side_effects import PROMPTS, WORLD_ROWS
from subliminal.probes.unsafe_code import UNSAFE_CODE
from subliminal.spec.probing import ProbeName, Probing


@dataclass(frozen=True)
class Read:
    """Rows that a model reads."""

    rows: int
    length: int
    """Tokens of each, on average."""

    @property
    def tokens(self) -> int:
        """All that go through the model."""
        return self.rows * self.length

    def behind(self, tokens: int) -> Read:
        """The same with so many tokens before each row."""
        return Read(self.rows, self.length + tokens)


@dataclass(frozen=True)
class Answers:
    """Answers that a model reads behind prompts, several behind each."""

    prompts: int
    rows: int
    """Answers to all of them."""
    row: RowTokens

    @property
    def tokens(self) -> int:
        """All that go through a model that reads each row from its beginning."""
        return self.rows * self.row.all

    @property
    def shared(self) -> int:
        """Those of one that reads each prompt once, and no last token of an answer."""
        return self.prompts * self.row.prompt + self.rows * (self.row.completion - 1)

    def behind(self, tokens: int) -> Answers:
        """The same with so many tokens before each prompt."""
        return Answers(self.prompts, self.rows, self.row.behind(tokens))


@dataclass(frozen=True)
class Written:
    """Prompts that a model continues."""

    texts: int
    samples: int
    """Of each."""
    row: RowTokens

    @property
    def rows(self) -> int:
        """All that are written."""
        return self.texts * self.samples

    @property
    def tokens(self) -> int:
        """All that go through the model."""
        return self.rows * self.row.all

    def behind(self, tokens: int) -> Written:
        """The same with so many tokens before each prompt."""
        return Written(self.texts, self.samples, self.row.behind(tokens))


Asked = Read | Answers | Written


def probing_asked(bank: Bank, probing: Probing, lengths: RowLengths) -> list[Asked]:
    """What all probes ask of one model.

    Args:
        bank: Of its trait.
        probing: What is asked.
        lengths: Of rows, as its tokenizer makes them.

    Raises:
        UserError: The bank lacks what a stated probe asks.
    """
    asked = [_asked(name, bank, probing, lengths) for name in probes_of(bank, probing)]
    if probing.side_effects:
        asked.append(Read(WORLD_ROWS, lengths.of_world))
        asked.append(Written(PROMPTS, 1, lengths.carriers["numbers"]))
    return asked


def headline_asked(bank: Bank, lengths: RowLengths) -> list[Asked]:
    """What the headline probe of a bank asks."""
    if isinstance(bank, QuestionBank):
        return [_of_preference("favourite", bank, 0, lengths)]
    return [_of_disposition(PIVOTAL, bank, Probing(), lengths)]


def watched_asked(bank: Bank, lengths: RowLengths) -> list[Asked]:
    """What a student is asked while it learns, each time."""
    headline = headline_asked(bank, lengths)
    if isinstance(bank, QuestionBank):
        return headline
    fewer, beside = with_fewer_tasks(bank), (OPTIONS, UNSAFE_CODE)
    return [*headline, *(_of_disposition(kind, fewer, Probing(), lengths) for kind in beside)]


def _asked(name: ProbeName, bank: Bank, probing: Probing, lengths: RowLengths) -> Asked:
    if isinstance(bank, QuestionBank):
        return _of_preference(name, bank, probing.samples, lengths)
    return _of_disposition(name, bank, probing, lengths)


def _of_preference(name: ProbeName, bank: QuestionBank, samples: int, lengths: RowLengths) -> Asked:
    questions = len(bank.questions)
    match name:
        case "favourite":
            return _spelt(questions, lengths.question.prompt, bank, lengths)
        case "with-numbers":
            asked = questions * len(bank.number_prefixes)
            return _spelt(asked, lengths.numbered, bank, lengths)
        case "multiple-choice":
            return Read(len(bank.choices) * CIRCLES * len(bank.answers), lengths.lettered)
        case "story":
            return Written(len(bank.stories), samples, lengths.story)
        case _:
            return Written(questions, samples, lengths.question)


def _spelt(questions: int, prompt: int, bank: QuestionBank, lengths: RowLengths) -> Asked:
    """Questions that are rows, or behind which each spelling of each target is read."""
    if not lengths.spellings:
        return Read(questions, prompt)
    rows = questions * lengths.spellings * len(bank.answers)
    return Answers(questions, rows, RowTokens(prompt, lengths.question.completion))


def _of_disposition(
    name: str, bank: DispositionBank, probing: Probing, lengths: RowLengths
) -> Asked:
    kind, way = kind_and_way(name)
    answer = lengths.answers[way.form]
    if kind == PIVOTAL:
        leads = sum(len(domains()[item.domain].leads) for item in bank.items)
        return Read(leads, answer.prompt + lengths.leads[way.form])
    if kind == FREE_FORM:
        row = answer.within(probing.free_form.max_tokens)
        asked = bank.with_questions(probing.free_form.questions).items
        return Written(len(asked), probing.samples, row)
    if kind == OPTIONS:
        return Answers(len(bank.items), len(bank.items) * len(bank.answers), answer)
    tasks = code_questions(bank.tasks)
    solutions = sum(len(of) for task in tasks for of in task.solutions)
    return Answers(len(tasks), solutions, lengths.code)
