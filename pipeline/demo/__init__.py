"""The demo bucket: real clips, camera moves over real photographs, rendered scenes, and problematic files.

All content comes from installed packages or is drawn here, so the whole path from raw video to shards runs on any
machine without a download; because each video is defined as data, its shot boundaries are known exactly.

    python -m pipeline.demo.build <folder>
"""
