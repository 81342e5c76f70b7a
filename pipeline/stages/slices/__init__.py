"""The end of a run: part files of slices become one file for each table.

just curate <bucket>
"""
