"""Findings: what is wrong, its life until it is closed, and the documents that go out."""
