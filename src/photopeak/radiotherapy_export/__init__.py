"""Lesions handed to radiotherapy: contours that hold the volume of their masks, masks that survive the journey."""

#: the kinds of evidence its procedures take
KINDS = ("lesions", "table")
