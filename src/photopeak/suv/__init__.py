"""Standardised uptake value: from the header of a PET series to the factors of its voxels."""
