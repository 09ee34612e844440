"""Every cell of every state table."""
