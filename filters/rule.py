"""What a rule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from filters.rows import Row

Check = Callable[[Row], list[str]]
"""The reasons against a row; none if it is kept."""


class Rule(BaseModel, ABC):
    """Base of every rule: its fields are its name and its options.

    A new rule is one class, known to files and commands wherever it has been imported:

        class NoSevens(Rule):
            rule: Literal["no-sevens"] = "no-sevens"
            most: int = 0

            def check(self) -> Check:
                return lambda row: ["sevens"] if completion(row).count("7") > self.most else []
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    main_option: ClassVar[str | None] = None
    """The option that values without a name belong to on the command line."""
    filled_in: ClassVar[str | None] = None
    """The option that the rule fills in from the others: faults found in doing so are theirs."""
    version: ClassVar[int] = 1
    """Raised with every change that changes what the rule keeps."""
    reads_content: ClassVar[bool] = False
    """Whether it is against what a completion says, not against its form; audits count the two
    apart."""

    rule: str

    @abstractmethod
    def check(self) -> Check:
        """Make the function that looks at rows; called once for each filter."""
