"""Continuing education: programme, registration, attendance, examination, credits, certificates."""
