"""The two ways a run goes wrong that are not bugs: bad input, and a stage that fails."""

from __future__ import annotations


class UserError(Exception):
    """Bad input. The message is one line that names the place, the fault and the mend.

    The command line prints it without a traceback and exits with code 2.
    """


class StageError(Exception):
    """A stage could not produce its artifact for a reason worth a line in the report.

    Examples are a loss that became NaN or a teacher that did not acquire its trait. The
    executor records the message, skips what depends on the stage and goes on with the rest.
    """
