"""Runs stages with Ray: parts, workers, retries, progress, the lock and the record. Knows no stage by name.

engine      the only caller of `map_batches`; waves: stages that run in this process
worker      one part in a worker process; marks and watch: which row killed it; commit: what it leaves behind
cluster     starts or joins Ray; cluster_room: what it has room for
llm         models that `ray.data.llm` runs
"""
