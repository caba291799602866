"""A store of artifacts at a URL: an object store, or whatever else fsspec can reach."""

from subliminal.remote_store.store import RemoteStore

__all__ = ["RemoteStore"]
