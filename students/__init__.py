"""How a student relates to its teacher: initialisation relations and their pairings."""

from students.pairing import other_model

__all__ = ["other_model"]
