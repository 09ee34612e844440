"""The daemon: worker, supervisor, kernel hook, journal and control socket."""
