"""Timings. Every figure in the documents is printed by something here; machines are noisy, so read ratios."""
