"""`just retry <dataset>`: try again what failed in the last run, with the same bucket and configuration.

just retry datasets/demo
"""

from pipeline.commands.curate import curate
from pipeline.dataset import Dataset
from schemas.command import make_parser, run_command
from schemas.config import RunConfig


def main() -> int:
    """Entry point."""
    parser = make_parser("retry", "Try again every row that failed, in every stage; all else is kept.")
    parser.add_argument("dataset", help="dataset folder")
    parser.add_argument("--bucket", help="the bucket's address, if it holds a password: the dataset keeps none")
    parsed = parser.parse_args()
    record = Dataset(parsed.dataset).read_record()
    return curate(
        parsed.bucket or record["bucket"], parsed.dataset, RunConfig.model_validate(record["config"]), retry=True
    )


if __name__ == "__main__":
    run_command(main)
