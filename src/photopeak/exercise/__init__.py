"""Exercises: the same digital phantom or dosimetry case sent to many hospitals, their answers compared with the known truth."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
