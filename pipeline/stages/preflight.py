"""What of a configuration can be judged before the work, so that no run ends hours later at a word in a file.

Names are checked by the stages that they belong to. Here is what lies behind the names: weights and folders that are
missing or of another kind, packages that are not installed, prompts with placeholders that nothing fills, training
buckets that no clip can fill, presets and gates that do not exist. Each refusal names the setting, its value, the rule
and the fix.

    just curate <bucket> --set 'pack.buckets=["384x256x801@8"]'       # refused at once
"""

from captioning.quality.gates import read_gates
from captioning.quality.registry import CHECKS
from pipeline.engine.cluster_room import check_address
from pipeline.engine.environment import check_names
from pipeline.stages.caption import check as caption
from pipeline.stages.on_this_machine import check_fetched, check_gpus
from pipeline.stages.pack import check as pack
from pipeline.stages.score import check as score
from pipeline.stages.select.select import check_rules
from pipeline.stages.split import stage as split
from pipeline.stages.summarise import check as summarise
from schemas.config import RunConfig


def check_config(config: RunConfig, fetch: bool = True) -> None:
    """Raise `ConfigError` or `RuleError` for the first setting that does not exist or cannot work.

    With `fetch`, weights that the run needs and this machine lacks are fetched now, before the first row.
    """
    if config.engine.ray_address is not None:
        check_address(config.engine.ray_address)
    check_names(config.engine.environment)
    split.check(config)
    score.check(config)
    check_rules(config)
    caption.check(config)
    summarise.check(config)
    pack.check(config)
    read_gates(config.report.gates, CHECKS)
    check_gpus(config)
    check_fetched(config, fetch)
