"""`just retry <dataset>`: try again what failed in the last run, with the same bucket and configuration.

just retry datasets/demo
"""

from pipeline.commands.curate import add_confirmations, curate
from pipeline.dataset.folder import Dataset
from pipeline.readers.history import History
from pipeline.storage.named import find_dataset
from schemas.command import make_parser, run_command


def main() -> int:
    """Entry point."""
    parser = make_parser("retry", "Try again every row that failed, in every stage; all else is kept.")
    parser.add_argument("dataset", type=find_dataset, help="dataset folder")
    parser.add_argument("--bucket", help="the bucket's address, if it holds a password: the dataset keeps none")
    add_confirmations(parser)
    parsed = parser.parse_args()
    history = History(Dataset(parsed.dataset))
    bucket = parsed.bucket or history.record["bucket"]
    return curate(bucket, parsed.dataset, history.config, retry=True, confirmed=parsed.confirmed)


if __name__ == "__main__":
    run_command(main)
