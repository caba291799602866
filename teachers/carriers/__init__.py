"""What a trait travels through: prompts that have nothing to do with it, and their answers."""
