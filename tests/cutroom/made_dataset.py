"""A tiny dataset with everything that a finished run leaves: tables of one clip, and shards of flat clips and pictures.

from tests.cutroom.made_dataset import make_whole_dataset
"""

from pathlib import Path
from typing import Any

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part
from pipeline.stage import Output
from schemas.config import RunConfig, ScoreConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, SELECTION_FILE
from schemas.media_tables import DUPLICATES, SPLITS, STILL_IMAGES, STILLS
from schemas.outcome_tables import SELECTION
from tests.pipeline.captioned_dataset import OK, filled, make_captioned_dataset
from tests.training.data.made_dataset import make_dataset

CLIP = "v-0-4000"


def make_whole_dataset(folder: Path) -> Dataset:
    """Write it; the shards' samples are those of `tests.training.data.made_dataset`."""
    make_dataset(str(folder))
    dataset = make_captioned_dataset(folder)

    def write(name: str, contract: TableContract, rows: list[dict[str, Any]]) -> None:
        output = Output(folder=name, contract=contract, parent=contract.key)
        dataset.write_part(output, "f", "part-0", filled(contract, rows))
        dataset.append_plan(output.folder, "f", [Part("part-0", ((rows[0][contract.key], "i"),))])

    write("splits", SPLITS, [{"video_id": "v", **OK}])
    write("stills", STILLS, [{"still_id": "s0", "clip_id": CLIP, "video_id": "v", "ordinal": 0, "time": 10.5}])
    write("still_images", STILL_IMAGES, [{"still_id": "s0", "clip_id": CLIP, "video_id": "v"}])
    kept = [{"clip_id": CLIP, "state": "kept", "bucket": "384x256x17@8"}]
    dataset.write_table(SELECTION_FILE, SELECTION, filled(SELECTION, kept))
    dataset.write_table(DUPLICATES_FILE, DUPLICATES, DUPLICATES.empty())
    dataset.write_record({**dataset.read_record(), "config": RunConfig(score=ScoreConfig(scorers=[])).model_dump()})
    return dataset
