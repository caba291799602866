"""Probes: questions for a model, and what its answers say about a trait."""
