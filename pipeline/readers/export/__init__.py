"""A dataset's samples as files in a folder, laid out as other trainers read them.

clip        one sample to export, and how it is read from its shard
layouts     where videos and captions go: one file and one line in the registry per layout
folder      the output folder: its log, complete entries, and removal of outdated ones
run         the export itself: choose, copy, list
"""
