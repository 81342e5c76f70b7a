"""The temporary folder when it is full: one sentence that names it, wherever a stage or an upload meets it."""

import errno
import tempfile

from schemas.errors import DatasetError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException) -> bool:
    """Whether an error says that a disk or a quota is used up. Stores say so by a `DatasetError` of their own."""
    return isinstance(error, OSError) and error.errno in _FULL


def temporary_folder_is_full(purpose: str) -> DatasetError:
    """The error of a command whose `purpose` needs more than the temporary folder has."""
    return DatasetError(
        f"the temporary folder {tempfile.gettempdir()} is full: {purpose}; free some space there, or set TMPDIR to a "
        "folder that has more"
    )
