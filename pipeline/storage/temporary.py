"""The error for a full temporary folder, shared by the stages and uploads that use it."""

import errno
import tempfile

from schemas.errors import DatasetError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Whether an error means that a disk or a quota is full. Stores raise their own `DatasetError` for that."""
    return isinstance(error, OSError) and error.errno in _FULL


def temporary_folder_is_full(purpose: str) -> DatasetError:
    """The error to raise if the temporary folder is too small for `purpose`."""
    return DatasetError(
        f"the temporary folder {tempfile.gettempdir()} is full: {purpose}; free some space there, or set TMPDIR to a "
        "folder that has more"
    )
