"""Tables of the last run as relations: the same rows as read whole, whatever parts they lie in and however retried.

python -m pytest tests/pipeline/readers/test_history.py
"""

import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part
from pipeline.dataset.query import querying
from pipeline.readers.history import History
from pipeline.stage import Output
from schemas.caption_tables import LABELS
from tests.pipeline.captioned_dataset import OK, filled

_OUTPUT = Output(folder="labels", contract=LABELS, parent="still_id")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True, min_size=1), max_size=4), st.booleans())
def test_a_relation_has_the_rows_of_the_table(parts: list[list[str]], planned: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(folder)
        dataset.write_record({"stages": {"label": {"fingerprint": "f"}}})
        for number, keys in enumerate(parts):
            name = f"part-{9 - number}"  # planned in another order than that of their names
            rows = [
                {"still_id": key, "clip_id": f"c{number}", "names": [key], "probabilities": [0.5], **OK} for key in keys
            ]
            if planned:
                dataset.append_plan("labels", "f", [Part(name, tuple((key, str(number)) for key in keys))])
            dataset.write_part(_OUTPUT, "f", name, filled(LABELS, rows))
        history = History(dataset)
        columns = ["still_id", "clip_id", "names"]
        with querying(dataset.store) as connection:
            relation = history.relation(connection, "labels", "label", LABELS, columns[1:])
            assert relation.columns == columns
            read = relation.order("still_id").to_arrow_table().to_pylist()
        one_by_one = history._converted("labels", "label", LABELS, columns)
        assert read == one_by_one.to_pylist()
        assert history.parts("labels", "label", LABELS, columns).equals(one_by_one)
        if planned:
            latest = {key: f"c{number}" for number, keys in enumerate(parts) for key in keys}
            assert {row["still_id"]: row["clip_id"] for row in read} == latest
