"""Teaching a head from a person's labels: read them, look at what they name, fit, judge by source, store.

just teach <labels.csv> <name>
"""
