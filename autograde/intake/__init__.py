"""What was handed in: files and archives found, read, rebuilt on the release."""
