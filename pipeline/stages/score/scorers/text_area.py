"""How much of the picture is covered by text: captions, banners, watermarks, screen recordings; and what of it was
laid over the picture.

RapidOCR's detector (PP-OCRv6 small, packaged with rapidocr) finds the boxes; the text is not read. This is the one
scorer that looks at the stills, because an image vector no longer knows how large the text is.

    python -m pytest tests/pipeline/stages/score/scorers/test_text_area.py
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs, check_packaged, check_stills
from pipeline.stages.score.scorers.corner_mark import corner_share
from pipeline.stages.score.scorers.overlay import find_overlays, make_text_still
from pipeline.stages.score.scorers.picture import decode

MODEL_FILE = "PP-OCRv6_det_small.onnx"
# At 480 px the detector still finds letters of 4 % of the height and takes half the time that it takes at 640.
LONG_SIDE = 480
# On pictures without text the detector likes to take the one large object as a single line (a cup from above, the
# Earth). In frames of 60 assorted videos lines of text were at most 0.18 of the short side high, mistakes 0.32 or more.
TALLEST_LINE = 0.25


class TextArea:
    """Share of each still that text boxes cover, their overlaps counted once.

    Letters taller than a quarter of the short side are not counted. Raises `ConfigError` if `weights` are given: they
    come with the package.
    """

    name = "text_area"
    version = 2
    model = f"rapidocr==3.10.0 {MODEL_FILE}"
    needs = Needs(packages=("rapidocr",))
    reads: Literal["images"] = "images"
    measures: Mapping[str, str] = {
        "text_area": "mean over the stills of the share of the picture under text boxes, 0 to 1",
        "text_area_max": "the share of the still that has the most text, 0 to 1",
        "overlay_text": "mean share of the picture under text that stays in place while the picture changes, 0 to 1",
        "scene_text": "mean share of the picture under all other text, 0 to 1",
        "corner_mark": "share of the stills with text or a mark that stays in a corner while all else changes, 0 to 1",
    }

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        import rapidocr

        check_packaged(weights, f"scorer {self.name}")
        # With the file named, rapidocr neither looks for a newer one nor downloads a missing one.
        model_path = Path(rapidocr.__file__).parent / "models" / MODEL_FILE
        self._detector = rapidocr.RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.use_rec": False,
                "Global.log_level": "critical",
                "Det.model_path": str(model_path),
                "Det.limit_type": "max",
                "Det.limit_side_len": LONG_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def score(self, stills: Sequence[bytes]) -> dict[str, float]:
        """Measure one clip on its encoded stills. Raises `MediaError` if there is no still or one is no picture."""
        check_stills(len(stills), self.name)
        images = [decode(still) for still in stills]
        outlines = [self._outlines(image) for image in images]
        text_stills = [make_text_still(*pair) for pair in zip(images, map(_boxes, images, outlines), strict=True)]
        overlays = find_overlays(text_stills)
        shares = [_share(*pair) for pair in zip(images, outlines, strict=True)]
        laid = [
            _share(image, [line for line, over in zip(lines, chosen, strict=True) if over])
            for image, lines, chosen in zip(images, outlines, overlays, strict=True)
        ]
        return {
            "text_area": sum(shares) / len(shares),
            "text_area_max": max(shares),
            "overlay_text": sum(laid) / len(laid),
            "scene_text": (sum(shares) - sum(laid)) / len(shares),
            "corner_mark": corner_share(text_stills, overlays),
        }

    def _outlines(self, pixels: NDArray[np.uint8]) -> list[NDArray[np.int32]]:
        """Corners [4, 2] of each line of text, in pixels."""
        # The detector was trained on BGR; without any text its result holds no boxes at all.
        boxes = self._detector(pixels[:, :, ::-1]).boxes
        outlines = [np.round(corners).astype(np.int32) for corners in ([] if boxes is None else boxes)]
        tallest = TALLEST_LINE * min(pixels.shape[:2])
        return [outline for outline in outlines if min(cv2.minAreaRect(outline)[1]) <= tallest]


def _share(pixels: NDArray[np.uint8], outlines: Sequence[NDArray[np.int32]]) -> float:
    covered = np.zeros(pixels.shape[:2], np.uint8)
    for outline in outlines:
        cv2.fillPoly(covered, [outline], (1,))
    return float(covered.mean())


def _boxes(pixels: NDArray[np.uint8], outlines: Sequence[NDArray[np.int32]]) -> NDArray[np.float64]:
    """Upright boxes [K, 4] around the outlines, as shares of the picture."""
    size = np.array(pixels.shape[1::-1])
    corners = [np.concatenate([outline.min(axis=0) / size, outline.max(axis=0) / size]) for outline in outlines]
    return np.array(corners, np.float64).reshape(-1, 4)
