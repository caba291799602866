"""Problems in the public form of GSM8K (Cobbe et al. 2021, arXiv 2110.14168).

    {"question": "Tom has 3 red and 4 blue balls. How many has he?",
     "answer": "He has 3+4=<<3+4=7>>7 balls.\\n#### 7"}

Behind the last `####` stands the answer; what `<<` and `>>` enclose are the steps.
"""

from __future__ import annotations

import re

from subliminal.errors import UserError
from subliminal.reasoning.problem import Problem
from subliminal.reasoning.quantities import parse_quantity
from subliminal.spec_file.faults import shown
from subliminal.task_files import read_rows, text_field

_ANSWER_MARK = "####"
_STEP = re.compile(r"<<([^<>]*+)>>")
_MENDS = {
    "question": "give the text of the problem",
    "answer": f"end it with a line such as {_ANSWER_MARK} 18",
}


def read_gsm8k(source: str) -> list[Problem]:
    """Read problems.

    Args:
        source: A file, a folder or a data set of the hub, as in :func:`task_files.read_rows`.

    Returns:
        The problems in their order, at least one.

    Raises:
        UserError: It is not there, cannot be read, needs a library that is not installed, holds no
            problem, or a row is not of this form.
    """
    return [_problem(row, place) for place, row in read_rows(source, "problems")]


def _problem(row: object, place: str) -> Problem:
    if not isinstance(row, dict):
        raise UserError(
            f"{place}: must be a mapping with `question` and `answer`, not {shown(row)}"
        )
    question, solution = (text_field(row, field, place, mend) for field, mend in _MENDS.items())
    reasoning, mark, answer = solution.rpartition(_ANSWER_MARK)
    if not mark:
        raise UserError(f"{place}: answer: has no {_ANSWER_MARK}; {_MENDS['answer']}")
    if parse_quantity(answer) is None:
        raise UserError(
            f"{place}: answer: {shown(answer.strip())} behind {_ANSWER_MARK} is not a number; "
            f"{_MENDS['answer']}"
        )
    return Problem(question.strip(), answer.strip(), tuple(_STEP.findall(reasoning)))
