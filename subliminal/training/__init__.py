"""Training language models: rows, batches, losses, and the one loop for all of it."""
