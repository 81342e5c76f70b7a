"""Runs stages with Ray: parts, workers, retries, progress, the lock and the record. Knows no stage by name.

engine      the only caller of `map_batches`; waves: stages that run in the driver process
worker      one part in a worker process; marks and watch: which row killed it; commit: writes its tables
cluster     starts or joins Ray; cluster_room: whether it answers and its nodes are large enough
requirements, cluster_nodes, node_report   what a run needs of every node, and whether each node has it
travel      the code and files that go to the nodes; environment: values of variables for their workers
llm         models served through `ray.data.llm`
"""
