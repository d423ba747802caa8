"""Bone density: precision, drift and comparability of DXA scanners, T-scores with their reference, follow-up of those examined."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
