"""Rule sets of other firewalls, made into ours."""
