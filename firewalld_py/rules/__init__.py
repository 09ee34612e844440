"""The compiled rule set: matches, targets and their evaluation on one packet."""
