"""The verb `import`: the rules of another firewall as ours."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from firewalld_py.cli import exits
from firewalld_py.imports.document import described, make_document
from firewalld_py.imports.ipset_file import IpSets
from firewalld_py.imports.iptables import import_families
from firewalld_py.imports.nft import FROM_NFT, import_nft
from firewalld_py.imports.nft_file import NftError, read_nft
from firewalld_py.imports.policies import TOOLS
from firewalld_py.imports.save_file import SavedFile, SaveError, read_save
from firewalld_py.imports.steps import Left

if TYPE_CHECKING:
    import argparse


def add_arguments(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `import` to the command's parser."""
    importer = subparsers.add_parser("import", help="make rules from those of another firewall")
    formats = importer.add_subparsers(dest="format", required=True, metavar="FORMAT")
    saved = formats.add_parser(
        "iptables-save",
        help="what iptables-save prints",
        description="Make a rules.yaml from what iptables-save (and ip6tables-save) printed. What "
        "cannot be said exactly is left out, listed at the end of the file and on the standard "
        "error; exit code 1 then, 0 if everything went over.",
    )
    saved.add_argument("file", metavar="FILE", help="what iptables-save printed; - reads it")
    saved.add_argument(
        "--ipset", metavar="FILE", help="what ipset save printed: the sets' elements"
    )
    saved.add_argument("--ip6", metavar="FILE", help="what ip6tables-save printed")
    listed = formats.add_parser(
        "nft-json",
        help="what nft -j list ruleset prints",
        description="Make a rules.yaml from what `nft -j list ruleset` printed. What cannot be "
        "said exactly is left out and listed, as for iptables-save.",
    )
    listed.add_argument("file", metavar="FILE", help="what nft printed; - reads it")
    for one in (saved, listed):
        one.add_argument("-o", "--output", metavar="FILE", help="write there, not to the output")


def run(arguments: argparse.Namespace) -> int:
    """Import; returns the exit code."""
    made = _nft(arguments) if arguments.format == "nft-json" else _iptables(arguments)
    if made is None:
        return exits.FAILURE
    text, left = made
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        try:
            Path(arguments.output).write_text(text, encoding="utf-8")
        except OSError as error:
            print(f"{arguments.output}: {error.strerror}", file=sys.stderr)
            return exits.FAILURE
    _tell(left)
    return exits.FAILURE if left else exits.OK


def _iptables(arguments: argparse.Namespace) -> tuple[str, list[Left]] | None:
    """The rule file and what was left out; None if that was told already."""
    files: dict[int, SavedFile] = {}
    for version, name in ((4, arguments.file), (6, arguments.ip6)):
        if name is None:
            continue
        try:
            saved = read_save(_text(name))
        except (OSError, SaveError) as error:
            reason = f" {error.strerror}" if isinstance(error, OSError) else str(error)
            print(f"{name}:{reason}", file=sys.stderr)
            return None
        alone = arguments.ip6 is None
        if saved.command and saved.command != TOOLS[version] and not alone:
            print(f"{name}: {saved.command}-save printed this", file=sys.stderr)
            return None
        of_six = saved.command == TOOLS[6] if alone else version == 6
        files[6 if of_six else 4] = saved
    try:
        sets = IpSets("" if arguments.ipset is None else _text(arguments.ipset))
    except (OSError, SaveError) as error:
        reason = f" {error.strerror}" if isinstance(error, OSError) else str(error)
        print(f"{arguments.ipset}:{reason}", file=sys.stderr)
        return None
    return make_document(import_families(files, sets))


def _nft(arguments: argparse.Namespace) -> tuple[str, list[Left]] | None:
    """The same of what nft printed."""
    name = arguments.file
    try:
        return make_document([import_nft(read_nft(_text(name)))], [FROM_NFT])
    except OSError as error:
        print(f"{name}: {error.strerror}", file=sys.stderr)
    except NftError as error:
        for fault in error.faults:
            print(f"{name}:{fault}", file=sys.stderr)
    return None


def _text(name: str) -> str:
    data = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    return data.decode("utf-8", "replace")


def _tell(left: list[Left]) -> None:
    for one in left:
        for line in described(one):
            print(line, file=sys.stderr)
    if left:
        out = [one for one in left if not one.nearly]
        opening = sum(one.opens for one in out)
        print(
            f"{len(out)} left out, of which {opening} kept something out or changed it; "
            f"{len(left) - len(out)} not quite the same",
            file=sys.stderr,
        )
