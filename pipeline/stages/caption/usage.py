"""What a reply of a model cost, as counters of the run's record.

count_usage(reply.usage)          # {"model_calls": 1, "prompt_tokens": 812, "completion_tokens": 64}
"""

from captioning.chat import Usage


def count_usage(usage: Usage) -> dict[str, int]:
    """What a row cost, as counters of the run's record; nothing where no model was asked."""
    counted = {
        "model_calls": usage.calls,
        "cached_replies": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "thinking_tokens": usage.thinking_tokens,
    }
    return {name: count for name, count in counted.items() if count}
