"""A real systemd boots a gateway on which `make install` was run."""
