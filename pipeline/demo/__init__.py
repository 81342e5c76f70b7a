"""The demo bucket: real clips, camera moves over real photographs, rendered scenes, and the files that go wrong.

Everything it shows is carried by installed packages or drawn here, so the whole path from raw video to shards runs on
any machine without a download, and because each video is data its shot boundaries are known exactly.

    python -m pipeline.demo.build <folder>
"""
