"""What makes foreign text, pictures and names harmless, and files whole."""
