"""Caption quality without reference captions: checks of the text alone, against measurements, and against the stills.

just report <dataset>
"""
