"""The kernel's connection tracking and ours, asked about the same packets, one by one."""
