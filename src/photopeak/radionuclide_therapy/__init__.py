"""Radionuclide therapy: what was intended, what was given, and what the record can show of it. Nothing here prescribes."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
