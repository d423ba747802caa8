"""Tomographic tests of SPECT and SPECT/CT."""

#: the kinds of evidence its procedures take
KINDS = ("nm_planar", "nm_volume", "ct_volume")
