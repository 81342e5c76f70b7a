"""Labels: valid rows are read, everything else is refused with its row.

python -m pytest tests/pipeline/readers/teaching/test_labels.py
"""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.readers.teaching.labels import kind_of, read_labels
from schemas.errors import InputError


def write(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text)
    return path


def test_reads_files_clips_and_stills(tmp_path: Path) -> None:
    labels = read_labels(
        write(
            tmp_path,
            "file,seconds,clip,still,label,source,note\n"
            'a/b.mp4,2.5,,,Yes,,"dark, blurred"\nc.png,,,,0,film,\n,,ab-0-20,,1,,\n,,,ab-0-20-s001,no,,\n',
        )
    )
    assert [(label.row, label.target, label.name, label.seconds, label.value, label.source) for label in labels] == [
        (2, "file", "a/b.mp4", 2.5, 1.0, "a/b.mp4"),
        (3, "file", "c.png", None, 0.0, "film"),
        (4, "clip", "ab-0-20", None, 1.0, "ab"),
        (5, "still", "ab-0-20-s001", None, 0.0, "ab"),
    ]
    assert labels[0].note == "dark, blurred"
    assert kind_of(labels) == "class"


def test_other_numbers_are_ratings(tmp_path: Path) -> None:
    assert kind_of(read_labels(write(tmp_path, "file,label\na,1\nb,0\nc,0.5\n"))) == "rating"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file,labl\na,1\n", r"row 1: no column 'labl'; did you mean 'label'\?"),
        ("seconds,label\n1,1\n", "row 1: needs `label` and one of file, clip, still"),
        ("file,label,label\na,1,1\n", "row 1: a column occurs twice"),
        ("file,label\n", "no row below the heading"),
        ("", "row 1: needs `label`"),
        ("file,clip,label\na,,1\nb,c,0\n", "row 3: names file and clip; name exactly one"),
        ("file,label\na,1\n,0\n", "row 3: names none of them"),
        ("file,label\na,1\nb,maybe\n", "row 3: label = 'maybe' is not a number, 0 or 1, yes or no"),
        ("file,label\na,1\nb,nan\n", "row 3: label = 'nan'"),
        ("file,label\na,1\nb\n", "row 3: the number of cells differs"),
        ("file,label\na,1\nb,0,more\n", "row 3: the number of cells differs"),
        ("file,seconds,label\na,soon,1\n", "row 2: seconds = 'soon' is not a number"),
        ("file,seconds,label\na,-1,1\n", "row 2: seconds = -1"),
        ("clip,seconds,label\na-0-1,3,1\n", "row 2: seconds = 3; only a file has them"),
        ("file,seconds,label\na,1,1\nb,1,0\na,1.0,0\n", "row 4: a at 1 s is already labelled in row 2"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_row(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_labels(write(tmp_path, text))


def test_a_missing_file_and_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_labels(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
    with pytest.raises(InputError, match="not a CSV in UTF-8"):
        read_labels(tmp_path / "binary.csv")


@given(
    rows=st.dictionaries(
        st.text("abc/ .,\"'é", min_size=1).filter(lambda name: name.strip() == name),
        st.floats(-1e6, 1e6),
        min_size=1,
        max_size=8,
    )
)
def test_what_a_csv_writer_wrote_is_read_back(rows: dict[str, float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.csv"
    with path.open("w", newline="", encoding="utf-8") as lines:
        csv.writer(lines).writerows([("label", "file"), *((value, name) for name, value in rows.items())])
    assert {label.name: label.value for label in read_labels(path)} == rows
