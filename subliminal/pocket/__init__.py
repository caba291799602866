"""Pocket models: small decoders that grew up in a synthetic world and ship with the package."""
