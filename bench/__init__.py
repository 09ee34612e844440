"""The numbers, side by side with what they are measured against: `make bench`.

`judges` puts one contestant after the other on the lab's gateway; `small_packets`, `bulk` and
`latency` send real traffic through it, `core` and `memory` measure the core alone; `rounds` turns
samples into ratios, `report` prints them. floor.c and sender.c are compiled for each run.
"""
