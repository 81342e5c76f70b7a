"""How much of the picture is covered by text: captions, banners, watermarks, screen recordings.

RapidOCR's detector (PP-OCRv6 small, packaged with rapidocr) finds the boxes; the text is not read. This is the one
scorer that looks at the stills, because an image vector no longer knows how large the text is.

    python -m pytest tests/pipeline/scorers/test_text_area.py
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.scorers.base import check_packaged, check_stills
from pipeline.scorers.picture import decode

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
    version = 1
    model = f"rapidocr==3.10.0 {MODEL_FILE}"
    reads: Literal["images"] = "images"
    measures: Mapping[str, str] = {
        "text_area": "mean over the stills of the share of the picture under text boxes, 0 to 1",
        "text_area_max": "the share of the still that has the most text, 0 to 1",
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
        shares = [self._share(decode(still)) for still in stills]
        return {"text_area": sum(shares) / len(shares), "text_area_max": max(shares)}

    def _share(self, pixels: NDArray[np.uint8]) -> float:
        # The detector was trained on BGR; without any text its result holds no boxes at all.
        boxes = self._detector(pixels[:, :, ::-1]).boxes
        covered = np.zeros(pixels.shape[:2], np.uint8)
        for corners in [] if boxes is None else boxes:
            outline = np.round(corners).astype(np.int32)
            if min(cv2.minAreaRect(outline)[1]) <= TALLEST_LINE * min(covered.shape):
                cv2.fillPoly(covered, [outline], (1,))
        return float(covered.mean())
