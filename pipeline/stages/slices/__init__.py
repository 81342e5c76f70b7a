"""slices: part files of slices that are complete become one file for each table.

just curate <bucket>
"""
