"""Organisations: the centre itself, hospitals, laboratories, the health authority."""
