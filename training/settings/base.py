"""The section of the configuration that belongs to one family, and is refused with any other.

model:
  family: latte
  latte: {variant: 2}
"""

from schemas.config import Section


class FamilySection(Section):
    """Settings of one family, in the field of `model` that has the family's name."""
