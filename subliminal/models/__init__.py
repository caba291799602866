"""Language models: their folders, their tokens and chat format, their forward pass."""
