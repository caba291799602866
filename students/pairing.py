"""Which other model a student with a different initialisation starts from."""

from __future__ import annotations


def other_model(seed: int) -> int:
    """The seed of the model whose initialisation is lent to the student of teacher `seed`.

    Seeds are paired 0-1, 2-3, 4-5 and so on. This is a derangement, so no student ever gets its
    teacher's initialisation, which a random permutation would allow; and it does not depend on
    which other seeds an experiment has, so adding a seed changes no existing pair.
    """
    return seed ^ 1
