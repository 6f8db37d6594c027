"""Programs that run inside the sandbox. Nothing here knows a solution, a check or a mark."""
