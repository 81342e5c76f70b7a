"""Reading and writing media with PyAV (FFmpeg) and Pillow. A leaf: knows files and pictures, not stages or Ray.

open          the only door to FFmpeg, and limits: what one object may cost
probe         what a file is, or why it is not usable: its tracks, truncation, scan
timeline      the one clock of a film; parts: where it jumps or its geometry changes
decode        frames of a span in presentation order, with their times, deinterlaced
geometry      which way up and how large; picture: a frame as a standard-range array; look: a small one
picture_file  picture files as upright sRGB
signature     by what a picture is known again
standard      a frame as what ships: yuv420p, BT.709, limited range, an exact size
encode        frames as H.264 of an exact shape; pictures as JPEG and PNG
"""
