"""Broken rule files, kept as what was done to a good one.

`every-key.yaml`, `gateway.yaml` and `counting.yaml` are good; a line of the file of the same name
that ends in `.cases` is a broken one:

    10:31  "dport" -> "dprot"   10: unknown key 'dprot' … 'dport'

In line 10, from column 31 on, `dport` became `dprot`; an error has to be told in line 10 with these
words ("…" stands for anything). `cut` in place of a text means that the file ends there. Headings
say what kind of fault follows, and whether it is one that a JSON Schema can know.
"""
