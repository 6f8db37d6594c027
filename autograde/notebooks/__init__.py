"""Course notebooks: read from their source, validated, released without solutions."""
