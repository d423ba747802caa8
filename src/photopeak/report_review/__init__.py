"""Review of reports: required elements and contradictions, each verdict with its rule, its citation and the exact span of text."""

#: the kinds of evidence its procedures take
KINDS = ("text", "table")
