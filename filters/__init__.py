"""Rules that keep or drop a carrier's rows and say why.

The MNIST toy has no rows to filter: its carrier is the logits themselves.
"""
