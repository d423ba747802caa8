"""Results of automatic checking, their verdicts, trends, pictures and review."""
