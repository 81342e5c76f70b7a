"""What selection rules would keep, as numbers and as a page with histograms.

just what-if <dataset> "aesthetic >= 4.8"
"""
