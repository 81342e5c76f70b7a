"""Model families: what the shared loop, the doctor, sampling and export need to know of each. One file per family.

family = open_family(config).family
"""
