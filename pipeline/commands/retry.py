"""`just retry <dataset>`: try again what failed in the last run, with the same bucket and configuration.

just retry datasets/demo
"""

from pipeline.commands.curate import add_confirmations, curate
from pipeline.dataset.folder import Dataset
from schemas.command import make_parser, run_command
from schemas.config import RunConfig


def main() -> int:
    """Entry point."""
    parser = make_parser("retry", "Try again every row that failed, in every stage; all else is kept.")
    parser.add_argument("dataset", help="dataset folder")
    parser.add_argument("--bucket", help="the bucket's address, if it holds a password: the dataset keeps none")
    add_confirmations(parser)
    parsed = parser.parse_args()
    record = Dataset(parsed.dataset).read_record()
    config = RunConfig.model_validate(record["config"])
    bucket = parsed.bucket or record["bucket"]
    return curate(bucket, parsed.dataset, config, retry=True, confirmed=parsed.confirmed)


if __name__ == "__main__":
    run_command(main)
