"""The model families by name. A new one is a file in `training/families` and one line here.

just train <dataset> --set model.family=latte --set model.preset=debug
"""

from collections.abc import Mapping

# A path, not a function: a configuration is read without torch, and a run imports only the family that it trains.
FAMILIES: Mapping[str, str] = {
    "cogvideox": "training.families.cogvideox:open_cogvideox",
    "latte": "training.families.latte:open_latte",
    "tune_a_video": "training.families.tune_a_video:open_tune_a_video",
}
