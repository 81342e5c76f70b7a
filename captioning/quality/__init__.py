"""What is wrong with captions, measured without references: text alone, against by-products, against pictures.

just report <dataset>
"""
