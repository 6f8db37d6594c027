"""The package's commands: check or rehearse a notebook, train again what the package ships."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from xaikit.checks import rehearsal
from xaikit.handin import ready


def main(arguments: Sequence[str] | None = None) -> int:
    """Check or rehearse a notebook before it is handed in, or train again what is shipped."""
    parser = argparse.ArgumentParser(prog="python -m xaikit", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="make again what a card describes: its command")
    given = sys.argv[1:] if arguments is None else arguments
    # A look at a file needs nothing of PyTorch, whose import takes seconds.
    looks = [*given[:1]] in (["check"], ["rehearse"])
    train.add_argument("name", choices=[] if looks else _recipes())
    check = commands.add_parser("check", help="can this notebook be handed in?")
    rehearse = commands.add_parser("rehearse", help="run this notebook as grading will")
    for command in (check, rehearse):
        command.add_argument("file", metavar="FILE.ipynb", type=Path)
    sample = commands.add_parser("sample", help="draw the embedded sample of FashionMNIST")
    for command in (train, sample):
        command.add_argument("--data", metavar="FOLDER", help="where the full data set lies")
        command.add_argument(
            "--out", metavar="FOLDER", type=Path, default=Path(), help="where the files go"
        )
    options = parser.parse_args(arguments)
    if options.command in ("check", "rehearse"):
        look = ready.check if options.command == "check" else rehearsal.rehearse
        verdict = look(options.file)
        if options.command == "check" and verdict.upload is not None:
            verdict.say(f'To run it as grading will: python -m xaikit rehearse "{options.file}"')
        print(verdict)
        return 0 if verdict.good else 1
    try:
        if options.command == "sample":
            from xaikit.data.sample import write_sample

            write_sample(options.out, options.data)
            return 0
        print(_train(options.name, options.data, options.out))
    except (OSError, ValueError, FloatingPointError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _recipes() -> list[str]:
    """Return the names of all that can be trained."""
    from xaikit import autoencoders
    from xaikit.counterfactuals import alibi_record, rl_recipes
    from xaikit.influence.study import NETWORK
    from xaikit.recipes import RECIPES

    return [*RECIPES, *autoencoders.RECIPES, *rl_recipes.RECIPES, NETWORK, alibi_record.RECORD]


def _train(name: str, data: str | None, folder: Path) -> str:
    """Train and write what has that name, and say how good it is."""
    from xaikit import autoencoders
    from xaikit.counterfactuals import alibi_record, rl_recipes
    from xaikit.influence import study_training
    from xaikit.influence.study import NETWORK
    from xaikit.recipes import pretrain, save

    if name == NETWORK:
        return study_training.pretrain_study(folder)  # its data is in the package
    if name == alibi_record.RECORD:
        return alibi_record.record(folder)  # so is its image
    if name in rl_recipes.RECIPES:
        generator = rl_recipes.pretrain_generator(name, data)
        rl_recipes.save_generator(generator, folder)
        validity, images = generator.card["validity"], generator.card["test_images"]
        return f"{name}: {validity:.2%} of {images} counterfactuals reach their target."
    if name in autoencoders.RECIPES:
        networks = autoencoders.pretrain(name, data)
        autoencoders.save(networks, folder)
        errors = ", ".join(f"{key} {value:.5f}" for key, value in networks.card["errors"].items())
        return f"{name}: mean squared errors a pixel on test images: {errors}."
    network = pretrain(name, data)
    save(network, folder)
    accuracy, images = network.card["accuracy"], network.card["test_images"]
    return f"{name}: {accuracy:.2%} of {images} test images are right."


if __name__ == "__main__":
    sys.exit(main())
