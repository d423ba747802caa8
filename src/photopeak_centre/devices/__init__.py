"""The registry of devices, with their specifications and acceptance baselines."""
