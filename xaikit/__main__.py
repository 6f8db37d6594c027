"""What the package does by command: look at a notebook to hand in, make again what it ships."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from xaikit import handin
from xaikit.counterfactuals import rl_recipes
from xaikit.data import write_sample
from xaikit.recipes import RECIPES, pretrain, save


def main(arguments: Sequence[str] | None = None) -> int:
    """Look at a notebook before it is handed in, or make again what the package ships."""
    parser = argparse.ArgumentParser(prog="python -m xaikit", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a network: the command of every model card")
    train.add_argument("name", choices=[*RECIPES, *rl_recipes.RECIPES])
    check = commands.add_parser("check", help="can this notebook be handed in?")
    check.add_argument("file", metavar="FILE.ipynb", type=Path)
    sample = commands.add_parser("sample", help="draw the embedded sample of FashionMNIST")
    for command in (train, sample):
        command.add_argument("--data", metavar="FOLDER", help="where the full data set lies")
        command.add_argument(
            "--out", metavar="FOLDER", type=Path, default=Path(), help="where the files go"
        )
    options = parser.parse_args(arguments)
    if options.command == "check":
        verdict = handin.check(options.file)
        print(verdict)
        return 0 if verdict.good else 1
    try:
        if options.command == "sample":
            write_sample(options.out, options.data)
            return 0
        if options.name in rl_recipes.RECIPES:
            generator = rl_recipes.pretrain_generator(options.name, options.data)
            rl_recipes.save_generator(generator, options.out)
            print(
                f"{options.name}: {generator.card['validity']:.2%} of "
                f"{generator.card['test_images']} counterfactuals reach their target."
            )
            return 0
        network = pretrain(options.name, options.data)
        save(network, options.out)
    except (OSError, ValueError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    card = network.card
    print(f"{options.name}: {card['accuracy']:.2%} of {card['test_images']} test images are right.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
