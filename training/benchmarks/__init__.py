"""What the trainer's parts cost, beside the alternatives: functions that measure, run by `just bench train`."""
