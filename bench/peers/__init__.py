"""Other stream frameworks on the same job, each a process of its own: `python -m bench.peers.NAME …`."""
