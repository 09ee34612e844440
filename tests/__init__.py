"""Everything that proves the firewall: see the packages for what each kind of test does."""
