"""OpenAI-compatible services: chat completions, batches of them, fine-tuning jobs."""
