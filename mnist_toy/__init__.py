"""Subliminal learning in a small classifier of digits: its images, model, conditions and runs."""
