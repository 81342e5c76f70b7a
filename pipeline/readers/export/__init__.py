"""A dataset's samples as files in a folder, laid out as other trainers read them.

clip        one sample as a layout sees it, and how it is read from its shard
layouts     where films and captions go: one file for each layout, one line for each in the registry
folder      the folder that is written: whose it is, what is whole in it, what has to go
run         the export itself: choose, copy, list
"""
