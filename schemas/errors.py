"""Every error that cutroom raises on purpose, as one tree. Messages name the value, the rule and the fix.

    CutroomError
      ConfigError (ValueError)     a setting is unknown, mistyped or out of range
      RuleError (ValueError)       a selection rule cannot be read or names no column
      ContractError (ValueError)   a table does not hold what its contract says
      BucketError (ValueError)     a training bucket breaks the shape rules
      InputError (ValueError)      the bucket of raw video is missing, empty or unreadable
      DatasetError (RuntimeError)  the dataset folder cannot be written or read (full disk, permission)
      StageError (RuntimeError)    a stage cannot go on (too many failures in a row, a model that cannot be loaded)
      TrainingError (RuntimeError) training cannot go on (a loss that is no number, too many unreadable samples)
      VerifyError (RuntimeError)   the shards or the ledger do not hold what they promise
      MediaError (ValueError)      one media file cannot be used: becomes its row's reason, never ends a run

`MediaError` is the input's fault and is recorded on its row. The others end a command with one line and exit code 2
(`VerifyError`: 1).
"""


class CutroomError(Exception):
    """Base of all errors that cutroom raises on purpose; its text is what the user reads."""


class ConfigError(CutroomError, ValueError):
    """A setting is unknown, has the wrong type, or is out of range."""


class RuleError(CutroomError, ValueError):
    """A selection rule cannot be parsed or names a column that does not exist."""


class ContractError(CutroomError, ValueError):
    """A table has missing, extra or mistyped columns, a null where none may be, or a key twice."""


class BucketError(CutroomError, ValueError):
    """A training bucket is not written as `WIDTHxHEIGHTxFRAMES@FPS` or breaks the VAE's shape rules."""


class InputError(CutroomError, ValueError):
    """The bucket of raw video is missing, empty, or may not be read."""


class DatasetError(CutroomError, RuntimeError):
    """The dataset folder cannot be read or written; ends the run, because going on would lose rows."""


class StageError(CutroomError, RuntimeError):
    """A stage cannot go on: a model that does not load, or too many unexpected failures in a row."""


class TrainingError(CutroomError, RuntimeError):
    """Training cannot go on: a loss that is no number, a loss that jumps, too many samples that cannot be read."""


class VerifyError(CutroomError, RuntimeError):
    """Shards or ledger do not hold what they promise."""


class MediaError(CutroomError, ValueError):
    """One media file cannot be used. Recorded on its row as the reason."""
