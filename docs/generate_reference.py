"""Writes the JSON Schemas of both files from the tables of their keys; `make docs` calls it."""  # noqa: INP001 - a script, beside the pages it writes

from __future__ import annotations

import json

from firewalld_py.policy.schema import FILES, make_schema, schema_path


def main() -> None:
    for name in FILES:
        path = schema_path(name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(make_schema(name), indent=1, ensure_ascii=False) + "\n")
        print(f"wrote {path.relative_to(path.parents[2])}")


if __name__ == "__main__":
    main()
