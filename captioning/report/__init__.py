"""The caption-quality report as people read it: one self-contained page, and the same as JSON.

just report <dataset>
"""
