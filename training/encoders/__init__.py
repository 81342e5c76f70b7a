"""Video codecs and text encoders behind two small protocols (`base`); `registry` opens them by name.

codec = open_codec(config.encoders)
mean, std = codec.encode(pixels)
"""
