"""The version of cutroom: `pip install`, `cutroom --version` and the record of a run take it from here.

cutroom --version
"""

VERSION = "0.1.0"
