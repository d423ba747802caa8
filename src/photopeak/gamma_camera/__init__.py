"""Planar tests of gamma cameras."""

#: the kinds of evidence its procedures take
KINDS = ("nm_planar", "table")
