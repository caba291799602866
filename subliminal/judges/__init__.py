"""Judges: what scores an answer from 0 to 100, or says that it cannot be scored."""
