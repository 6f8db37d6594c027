"""What tells an author whether a notebook is ready: broken solutions, guesses, untitled figures."""
