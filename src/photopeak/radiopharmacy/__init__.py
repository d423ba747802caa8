"""Radiopharmacy: what is in the vial, what grew in the generator, and the record of its release."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
