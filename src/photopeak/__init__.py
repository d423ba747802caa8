"""Photopeak: quality control for nuclear medicine, from the evidence to a judged and illustrated report."""

__version__ = "0.1.0"
