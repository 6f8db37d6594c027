"""The sandbox: its isolation, the process inside, its limits, the proof that it holds."""
