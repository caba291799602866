"""Sampling and scoring by vLLM, in a process of its own or behind a server."""
