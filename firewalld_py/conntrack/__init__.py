"""Connections: the state table, one tracker per protocol, expectations."""
