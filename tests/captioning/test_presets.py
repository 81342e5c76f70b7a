"""Presets fill in what was not chosen; what suits a GPU never reaches an engine on the CPU."""

from captioning.presets import PRESETS, engine_arguments, preset_of


def test_a_preset_is_found_by_its_hub_name_and_by_a_folder_of_that_name() -> None:
    for preset in PRESETS:
        assert preset_of(preset.name) is preset
        assert preset_of(f"/models/{preset.name.rsplit('/', 1)[-1]}/") is preset
        assert preset.advice
    assert preset_of("some/other-model") is None


def test_what_was_chosen_wins_over_the_preset_and_the_preset_over_the_machine() -> None:
    name = "Qwen/Qwen2.5-VL-7B-Instruct"
    arguments = engine_arguments(name, {"max_model_len": 1024}, gpus=1)
    assert (arguments["max_model_len"], arguments["max_num_seqs"]) == (1024, 64)
    assert arguments["limit_mm_per_prompt"]["image"] >= 3
    assert "enforce_eager" not in arguments


def test_an_unknown_model_on_a_gpu_has_the_engines_own_defaults() -> None:
    assert engine_arguments("some/model", {}, gpus=1) == {"max_num_seqs": 256}


def test_on_the_cpu_a_preset_keeps_its_lengths_and_loses_its_gpu() -> None:
    arguments = engine_arguments("Qwen/Qwen3-8B", {"dtype": "float32"}, gpus=0)
    assert arguments["max_model_len"] == 4096
    assert (arguments["dtype"], arguments["enforce_eager"]) == ("float32", True)
    assert "gpu_memory_utilization" not in arguments
    assert arguments["max_num_seqs"] == 32
