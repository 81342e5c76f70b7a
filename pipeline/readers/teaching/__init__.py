"""Teaching a head from a person's labels: read the labels, embed the stills, fit, evaluate by source, store.

just teach <labels.csv> <name>
"""
