"""The national quality indicators, from what is known here and from a monthly form."""
