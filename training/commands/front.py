"""Arguments that the training commands share: the recipe and the dataset.

add_recipe_arguments(parser)
config = recipe_of(parser.parse_args())
"""

import argparse

from pipeline.storage.named import find_dataset
from schemas.command import add_change_arguments
from training.config import TrainConfig
from training.recipes import RECIPES, load_training


def add_recipe_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--recipe`, `--config` and `--set`."""
    parser.add_argument("--recipe", choices=sorted(RECIPES), help="defaults to start from (default: demo)")
    add_change_arguments(parser)


def recipe_of(arguments: argparse.Namespace) -> TrainConfig:
    """The configuration that the arguments select."""
    return load_training(arguments.config, arguments.set, arguments.recipe)


def dataset_of(text: str) -> str:
    """The dataset's folder or URI, by its path or its name in `datasets/`. Raises `DatasetError` if there is none."""
    return find_dataset(text)


def settle(arguments: argparse.Namespace) -> argparse.Namespace:
    """Set `settings` to the configuration and `dataset` to the dataset's location.

    Returns the arguments. Raises `ConfigError`, and `DatasetError` if there is no such dataset.
    """
    arguments.settings, arguments.dataset = recipe_of(arguments), dataset_of(arguments.dataset)
    return arguments
