"""Campaigns: what a half-year inspects, who goes where, and the visit itself."""
