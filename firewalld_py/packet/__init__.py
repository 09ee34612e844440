"""From bytes to a packet: headers, fragments, checksums. Knows nothing of connections."""
