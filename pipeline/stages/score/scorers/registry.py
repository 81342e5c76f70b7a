"""Every embedder, scorer and labeller by name. A new one is a new file and one line here.

The classes import nothing heavy until they are built, so names, versions and measures can be read (and a configuration
checked) without torch.

    python -m pipeline.stages.score.scorers.registry          # print them all with their measures
"""

from collections.abc import Mapping

from pipeline.stages.score.scorers.aesthetic import LaionAesthetic, RidgeAesthetic
from pipeline.stages.score.scorers.base import Embedder, ImageScorer, Labeller, VectorScorer
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0, ImageNetLabeller
from pipeline.stages.score.scorers.open_clip import OpenClipVitB32, OpenClipVitL14
from pipeline.stages.score.scorers.single_shot import SingleShot
from pipeline.stages.score.scorers.text_area import TextArea

EMBEDDERS: Mapping[str, type[Embedder]] = {
    "efficientnet_lite0": EfficientNetLite0,
    "open_clip_vit_l14": OpenClipVitL14,
    "open_clip_vit_b32": OpenClipVitB32,
}

SCORERS: Mapping[str, type[ImageScorer] | type[VectorScorer]] = {
    "aesthetic_ridge": RidgeAesthetic,
    "aesthetic_laion": LaionAesthetic,
    "text_area": TextArea,
    "single_shot": SingleShot,
}

LABELLERS: Mapping[str, type[Labeller]] = {
    "imagenet": ImageNetLabeller,
}


def main() -> None:
    """Print every embedder, scorer and labeller."""
    for name, embedder in EMBEDDERS.items():
        print(f"embedder {name}: {embedder.dimension} numbers per still")
    for name, scorer in SCORERS.items():
        print(f"scorer {name} reads {scorer.reads}")
        for measure, meaning in scorer.measures.items():
            print(f"  {measure:16} {meaning}")
    for name, labeller in LABELLERS.items():
        print(f"labeller {name} reads the vectors of {labeller.embedder}")


if __name__ == "__main__":
    main()
