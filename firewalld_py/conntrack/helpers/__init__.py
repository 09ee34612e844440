"""Helpers, one file a protocol: they read control connections and say what those lead to."""
