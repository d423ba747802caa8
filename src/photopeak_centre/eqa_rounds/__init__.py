"""Rounds of external quality assessment: the library's results, kept per laboratory."""
