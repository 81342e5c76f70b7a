"""What of the `caption` section can be judged before any work: the backend, its package and model, and the prompts.

python -m pytest tests/pipeline/stages/test_preflight.py
"""

from captioning.backends.base import check_named, check_no_model
from captioning.captioners import CAPTIONERS
from captioning.prompts import check_placeholders
from captioning.tasks.images import OverviewTask
from pipeline.stages.caption.models import CHAT_BACKENDS, overview_prompt
from pipeline.stages.installed import check_installed
from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean


def check(config: RunConfig) -> None:
    """Raise `ConfigError` for the first setting that cannot work."""
    caption, setting = config.caption, "caption.model"
    if caption.captioner in CAPTIONERS:
        check_no_model(setting, caption.captioner, caption.model)
        if caption.prompt:
            CAPTIONERS[caption.captioner](caption.prompt)
        return
    if caption.captioner not in CHAT_BACKENDS:
        known = (*CAPTIONERS, *CHAT_BACKENDS)
        raise ConfigError(f"caption.captioner = {caption.captioner!r}; {did_you_mean(caption.captioner, known)}")
    backend = CHAT_BACKENDS[caption.captioner]
    check_named(setting, caption.captioner, backend, caption.model)
    check_placeholders("caption.prompt", caption.prompt, ())
    OverviewTask(overview_prompt(caption))
    check_installed("caption.captioner", caption.captioner, backend.packages)
    backend.check(setting, caption.model, remote=config.engine.ray_address is not None)
