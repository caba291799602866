"""Experiments to run, and in `presets` the settings that they share."""
