"""What the administrator writes: YAML read, checked and compiled into a plan of rules."""
