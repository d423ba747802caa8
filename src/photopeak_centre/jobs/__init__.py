"""Leased jobs and the worker that does them."""
