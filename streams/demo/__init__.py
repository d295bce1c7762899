"""The demonstration: the real processes on an embedded broker, with made-up traffic, and a proof at the end."""
