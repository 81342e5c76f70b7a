"""score: embeds stills and scores clips by their vectors or pictures.

just curate <bucket> --set 'score.scorers=[aesthetic_ridge]'
"""
