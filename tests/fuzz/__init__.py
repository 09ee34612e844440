"""Any sequence of any octets: a fuzzer guided by coverage, and its corpus replayed in the tests."""
