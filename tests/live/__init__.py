"""The real daemon on real traffic, in network namespaces."""
