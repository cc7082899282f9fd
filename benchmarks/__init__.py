"""Measurements, each started by one command: ``python -m benchmarks.NAME``."""
