"""Readers of a finished dataset: the history of a clip, caption quality, what-if, viewing, distillation.

history     everything stored about a clip, for `just explain` and the others
quality     caption records and their evidence, for `just report`
showing     stills and samples by id, for `just view`
what_if     the effect of rules; teaching: heads from a user's labels; teacher: pairs to distill from
"""
