"""The command firewalld-py, one module per group of verbs."""
