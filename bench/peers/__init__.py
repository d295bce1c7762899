"""Other stream frameworks on the same job. Each is a process of its own: `python -m bench.peers.NAME TOPIC NUMBER …`."""
