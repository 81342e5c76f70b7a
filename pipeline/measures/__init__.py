"""Cheap measures of the decode pass, one per file: motion, camera, jitter, frozen share, bars, exposure, compression.

`Measurer` receives every frame once and computes the columns of any clip afterwards. `just schemas clips` prints their
units and ranges. A new measure of single frames is one file here and one line in `registry.py`.

    measurer.push(frame)
    columns = measurer.summarise(first=0, end=120)
"""
