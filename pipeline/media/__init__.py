"""Reading and writing media with PyAV (FFmpeg) and Pillow. A leaf package: it knows nothing of stages or Ray.

open            the only place that hands a file to FFmpeg; `limits`: what one object may cost
probe           what a file is, or why it cannot be used: `tracks`, `truncation`, `scan`, `fields`
timeline        maps packets to presentation times; `parts`: where the clock jumps or the format changes
decode          the frames of a span in presentation order, with their times; `deinterlace`
geometry        rotation and displayed size; `rgb`: a frame as RGB; `analysis_frame`: a small one for detectors
image_file      image files as upright sRGB: `image_formats`, `tiff`, `srgb`
signature       192 bytes by which pack and verify recognise a captioned frame
standard        a frame in the format that ships: yuv420p, BT.709, limited range, an exact size
encode          frames as H.264 of an exact shape; images as JPEG and PNG
"""
