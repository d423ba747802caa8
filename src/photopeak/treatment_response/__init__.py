"""Response to treatment, recomputed from stated measures and images: which rule, which formula, how certain."""

#: the kinds of evidence its procedures take
KINDS = ("table", "pt_volume")
