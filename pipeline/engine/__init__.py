"""Runs stages with Ray: parts, workers, retries, progress, the lock and the record. Knows no stage by name.

engine      the only caller of `map_batches`; waves: stages that run in the driver process
worker      one part in a worker process; marks and watch: which row killed it; commit: writes its tables
cluster     starts or joins Ray; cluster_room: whether it is large enough
llm         models served through `ray.data.llm`
"""
