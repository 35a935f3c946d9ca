"""The command line of the demonstration."""

import argparse
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import jax

from pmcmc import __version__
from pmcmc._demo import picture, story, table, ways

_DESCRIPTION = """\
Sample one posterior in four ways, and report the cost of each:

  loop           a random walk, one step after another
  speculation    the same walk: steps are predicted, evaluated at once, and verified
  surrogate_hmc  Hamiltonian proposals along a polynomial that the warm-up fits
  NumPyro NUTS   for comparison, where NumPyro is installed

By default it answers a question about hares and lynxes. --target takes any target of
pmcmc.targets, and asks for the mean of its first number. Targets with hundreds of
unknowns or slow gradients take several minutes: choose fewer --steps or --ways."""


def main(argv: list[str] | None = None) -> None:
    """Run the demonstration; `argv` as on the command line."""
    arguments = _parsed(argv)
    # A program may choose its precision; the library never does.
    jax.config.update("jax_enable_x64", True)
    told = story.story_of(arguments.target)
    print(f"pmcmc {__version__} on {jax.devices()[0]}\n{told.question}\n{told.title}\n")
    print(table.head(told), flush=True)
    here = ways.Ways(told.target, arguments.steps, arguments.seed)
    rows: list[table.Row] = []
    remarks: list[str] = []
    for name in arguments.ways:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default", UserWarning)
            try:
                for run in getattr(here, name)():
                    rows.append(table.Row(told, run))
                    print(rows[-1], flush=True)
            except ValueError as error:
                remarks.append(f"{name} is left out: {error}")
        remarks += [f"{name} warns: {warning.message}" for warning in caught]
    print()
    for line in (*remarks, *table.notes(rows, here)):
        print(line, flush=True)
    if not rows:
        sys.exit(1)
    try:
        picture.draw(told, rows, arguments.output)
    except ImportError as error:
        print(f"no picture: {error}", file=sys.stderr)
    else:
        print(f"picture: {arguments.output}")


def _parsed(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="pmcmc",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--target", default="lotka_volterra", choices=story.NAMES, metavar="NAME",
        help=f"what to sample (default: lotka_volterra): {', '.join(story.NAMES)}")  # fmt: skip
    add("--ways", nargs="+", default=[*ways.NAMES], choices=ways.NAMES,
        help="which ways to run (default: all); walk means loop and speculation")  # fmt: skip
    add("--steps", type=_integer_from(200), default=20_000, metavar="N",
        help="steps of each of the 4 random walks (default: 20000); surrogate_hmc takes a third "
        "of them, NUTS a 75th")  # fmt: skip
    add("--seed", type=_integer_from(0), default=0, metavar="N", help="seed of the noise")
    add(
        "--output",
        type=Path,
        default=Path("pmcmc-demo.png"),
        metavar="FILE",
        help="file for the picture",
    )
    add("--version", action="version", version=f"pmcmc {__version__}")
    arguments = parser.parse_args(argv)
    folder = arguments.output.parent
    if not folder.is_dir():
        parser.error(f"argument --output: folder {folder} does not exist")
    return arguments


def _integer_from(minimum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) < minimum:
            raise argparse.ArgumentTypeError(
                f"must be an integer of at least {minimum}, got {text}"
            )
        return int(text)

    return parse
