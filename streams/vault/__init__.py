"""Placeholder: replaced by this package's owner."""
