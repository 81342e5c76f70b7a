"""Pages of docs/ that are made from the code's own lists, and the tests that hold them equal to it.

just pages
"""
