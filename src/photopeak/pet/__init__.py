"""Tests of PET and PET/CT."""

#: the kinds of evidence its procedures take
KINDS = ("pt_volume", "table")
