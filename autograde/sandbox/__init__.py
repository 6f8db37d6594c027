"""The sandbox: its walls, the process inside, its limits, the proof that it holds."""
