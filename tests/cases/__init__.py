"""Traces of packets, each with the verdict that every one of them gets."""
