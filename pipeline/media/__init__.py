"""Reading and writing media with PyAV (FFmpeg) and Pillow. A leaf: knows files and pictures, not stages or Ray.

probe     what a file is, or why it is not usable
decode    frames of a span in presentation order, with their real times
picture   a frame as an upright, square-pixel, standard-range array
standard  a frame as what ships: yuv420p, BT.709, limited range, an exact size
encode    frames as H.264 of an exact shape; pictures as JPEG and PNG
"""
