"""The half-year report, from frozen numbers and edited words."""
