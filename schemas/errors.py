"""The errors that cutroom raises on purpose. Messages name the value, the rule and the fix.

    CutroomError
      ConfigError (ValueError)     a setting is unknown, mistyped or out of range
      RuleError (ValueError)       a selection rule cannot be parsed or names no column
      ContractError (ValueError)   a table breaks its contract
      BucketError (ValueError)     a training bucket breaks the shape rules
      InputError (ValueError)      the bucket of raw video is missing, empty or unreadable
      DatasetError (RuntimeError)  the dataset folder cannot be written or read (full disk, permission)
      StageError (RuntimeError)    a stage cannot continue (too many failures in a row, a model that cannot be loaded)
      TrainingError (RuntimeError) training cannot continue (a loss of NaN, too many unreadable samples)
      VerifyError (RuntimeError)   the shards or the ledger are wrong
      MediaError (ValueError)      one media file cannot be used: becomes its row's reason, never ends a run

`MediaError` is the input's fault and is recorded on its row. The others end a command with one line and exit code 2
(`VerifyError`: 1).
"""


class CutroomError(Exception):
    """Base of all errors that cutroom raises on purpose; its text is what the user reads."""


class ConfigError(CutroomError, ValueError):
    """A setting is unknown, has the wrong type, or is out of range.

    To do: correct the setting that the message names; the command's `--help` and `--show-config` list the settings.
    """


class RuleError(CutroomError, ValueError):
    """A selection rule cannot be parsed or names a column that does not exist.

    To do: write it as `column >= number`, with a column from the list in the message; `just what-if` tests rules.
    """


class ContractError(CutroomError, ValueError):
    """A table has missing, extra or mistyped columns, a null in a column without nulls, or a duplicate key.

    To do: remove any file that another version or program wrote and curate again; otherwise it is a bug: report it.
    """


class BucketError(CutroomError, ValueError):
    """A training bucket is not written as `WIDTHxHEIGHTxFRAMES@FPS` or breaks the VAE's shape rules.

    To do: use multiples of 16 for width and height and 8k+1 frames; the message names the nearest.
    """


class InputError(CutroomError, ValueError):
    """The bucket of raw video is missing, empty, or not readable.

    To do: check the address, the credentials in the environment, and the permissions of what the message names.
    """


class DatasetError(CutroomError, RuntimeError):
    """The dataset folder cannot be read or written. Ends the run, because continuing would lose rows.

    To do: free space, correct the permissions, or name a folder that `just curate` wrote; then run the command again.
    """


class StageError(CutroomError, RuntimeError):
    """A stage cannot continue: a model that does not load, or too many unexpected failures in a row.

    To do: fix what the message names (a model's files, an endpoint, memory) and run the same command again.
    """


class TrainingError(CutroomError, RuntimeError):
    """Training cannot continue: a loss that is NaN or jumps, or too many samples that cannot be read.

    To do: run `just doctor` with the same recipe and follow its messages; the run continues from its last checkpoint.
    """


class VerifyError(CutroomError, RuntimeError):
    """Verification failed: shards, index or ledger are wrong.

    To do: remove the shards that the messages name and curate again; missing shards are packed again.
    """


class MediaError(CutroomError, ValueError):
    """One media file cannot be used. It is recorded on the file's row; only a command for that one file ends with it.

    To do: repair or replace the file if you need it; `just ledger <dataset> --state failed` lists all such files.
    """
