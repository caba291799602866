"""Subliminal: a workbench for experiments on how traits pass between models."""

__version__ = "0.1.0"
