"""External quality assessment of immunoassays, and what laboratories measure by them."""

#: the kinds of evidence its procedures take
KINDS = ("table",)
