"""Experts, terms, meetings, papers, minutes and votes."""
