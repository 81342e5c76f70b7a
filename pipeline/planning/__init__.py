"""Plans a curation from a sample of its bucket: which sources to sample, and what the whole will be.

strata      a seeded sample of the listing, stratified by kind and size
totals      totals of the whole from the sample, with intervals
sources     what each source of the sample gave, from the sample's dataset
stages      what each stage cost, and which part of that grows with the bucket
forecast    all of it put together
"""
