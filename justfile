# Every command that a person or CI types is a recipe here. `just` alone lists them.
# Where just is not installed, ./just does the same after preparing the environment.

set positional-arguments := true
set shell := ["sh", "-eu", "-c"]

export CUTROOM_DOOR := "just"

python := justfile_directory() / ".venv/bin/python"
bin := justfile_directory() / ".venv/bin"

# Commands run in the current folder ([no-cd]): paths are relative to it, and datasets/ and runs/ are created in it.
# The packages come from this checkout, never from a folder of the same name that happens to be there.
export PYTHONPATH := justfile_directory() + if env("PYTHONPATH", "") == "" { "" } else { ":" + env("PYTHONPATH") }
export PYTHONSAFEPATH := "1"

# list the recipes
[private]
default:
    @just --justfile "{{ justfile() }}" --list --unsorted

# the environment that matches the lock list of this machine; costs nothing when it is up to date
[private]
ready:
    @test -n "${CUTROOM_READY:-}" || "{{ justfile_directory() }}/just" --prepare

# raw videos to a verified dataset of captioned shards (bucket: a folder, s3://..., gs://..., uris.txt, or `demo`)
[no-cd, no-exit-message]
curate *arguments: ready
    @"{{ python }}" -m cutroom curate "$@"

# what curating a bucket will cost, estimated from a sample of it: just plan <bucket> --finish 24h
[no-cd, no-exit-message]
plan *arguments: ready
    @"{{ python }}" -m cutroom plan "$@"

# the funnel of a dataset: in which state every video, clip and sample ended, and why
[no-cd, no-exit-message]
ledger *arguments: ready
    @"{{ python }}" -m cutroom ledger "$@"

# a clip's whole history: source, measures, selection, captions, samples
[no-cd, no-exit-message]
explain *arguments: ready
    @"{{ python }}" -m cutroom explain "$@"

# how good the captions are: a page, JSON and a table; exit code 1 if a --gate fails
[no-cd, no-exit-message]
report *arguments: ready
    @"{{ python }}" -m cutroom report "$@"

# the report in the browser, with stills in full size and samples as videos, served to this machine only
[no-cd, no-exit-message]
view *arguments: ready
    @"{{ python }}" -m cutroom view "$@"

# what a selection rule would keep, per bucket: just what-if <dataset> "aesthetic >= 4.8"
[no-cd, no-exit-message]
what-if *arguments: ready
    @"{{ python }}" -m cutroom what-if "$@"

# re-open every shard with the plain webdataset library and check it against the index
[no-cd, no-exit-message]
verify *arguments: ready
    @"{{ python }}" -m cutroom verify "$@"

# all samples of a dataset in full, shuffled shards again, by copying: just compact <dataset>
[no-cd, no-exit-message]
compact *arguments: ready
    @"{{ python }}" -m cutroom compact "$@"

# a dataset's samples as files that other trainers read: just export-clips <dataset> <folder> --as prompts.txt
[no-cd, no-exit-message]
export-clips *arguments: ready
    @"{{ python }}" -m cutroom export-clips "$@"

# try again what failed, in every stage
[no-cd, no-exit-message]
retry *arguments: ready
    @"{{ python }}" -m cutroom retry "$@"

# fit a head from your labels of files, clips or stills: just teach <labels.csv> <name> (--presets lists six to begin with)
[no-cd, no-exit-message]
teach *arguments: ready
    @"{{ python }}" -m cutroom teach "$@"

# train a small model on a large model's captions of a dataset: just distill summariser (or captioner) <dataset>
[no-cd, no-exit-message]
distill *arguments: ready
    @"{{ python }}" -m cutroom distill "$@"

# whether a recipe can train on a dataset, before anything is trained: just doctor <dataset> --recipe demo; or whether a Ray cluster can curate: just doctor --cluster; exit code 1 if not
[no-cd, no-exit-message]
doctor *arguments: ready
    @"{{ python }}" -m cutroom doctor "$@"

# encode a dataset's clips and captions for training, once (--verify checks the result)
[no-cd, no-exit-message]
encode *arguments: ready
    @"{{ python }}" -m cutroom encode "$@"

# captioned shards to a text-to-video model, stage after stage, resumed by the same command: just train demo
[no-cd, no-exit-message]
train *arguments: ready
    @"{{ python }}" -m cutroom train "$@"

# videos from a model: just sample <run, exported, diffusers or SAT model> --prompt "..." --shape 256x160x17@8
[no-cd, no-exit-message]
sample *arguments: ready
    @"{{ python }}" -m cutroom sample "$@"

# tune an image model on one video, then edit the video: just tune video.mp4 "a man skis" --model models/sd --edit "a bear skis"
[no-cd, no-exit-message]
tune *arguments: ready
    @"{{ python }}" -m cutroom tune "$@"

# a model as a folder that diffusers opens, with its training settings: just export <model> <folder>
[no-cd, no-exit-message]
export *arguments: ready
    @"{{ python }}" -m cutroom export "$@"

# measure accuracy and speed, compared with other tools: just bench split, look, duplicates, captions, quality, train, latte, tune, kills, distill (--record writes the table to docs/benchmarks.md)
[no-cd, no-exit-message]
bench *arguments: ready
    @"{{ python }}" -m cutroom bench "$@"

# every table with its columns, units and ranges
[no-cd, no-exit-message]
schemas *arguments: ready
    @"{{ python }}" -m cutroom schemas "$@"

# completion of the commands and options of `cutroom`, for bash, zsh or fish
[no-cd, no-exit-message]
completion *arguments: ready
    @"{{ python }}" -m cutroom completion "$@"

# format and lint (ruff), types (mypy strict), import direction (import-linter)
check: ready
    "{{ bin }}/ruff" format --check .
    "{{ bin }}/ruff" check .
    "{{ bin }}/mypy"
    "{{ bin }}/lint-imports"

# write the pages of docs that are made from code (--check only says which are out of date)
pages *arguments: ready
    @"{{ python }}" -m tests.pages "$@"

# format the code
format: ready
    "{{ bin }}/ruff" check --fix .
    "{{ bin }}/ruff" format .

# unit and property tests and one small run: under 10 minutes on 2 cores, a file at a time on each; -n 0 for a debugger
[no-exit-message]
test *arguments: ready
    OMP_NUM_THREADS=1 "{{ python }}" -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m "not slow and not browser and not engines" "$@"

# vLLM engines that start, fail and die: minutes each, so separate from the other tests
[no-exit-message]
test-engines *arguments: ready
    "{{ python }}" -m pytest -m engines "$@"

# kills, engines, several processes: under 30 minutes on 2 cores
[no-exit-message]
test-slow *arguments: ready
    "{{ python }}" -m pytest -m "slow and not browser" "$@"

# the caption report in a real browser: Chromium from the path, or CHROMIUM=/path/to/it
[no-exit-message]
test-browser *arguments: ready
    @"{{ python }}" -m tests.browser.chromium
    "{{ python }}" -m pytest -m browser "$@"

# resolve requirements/*.in into the lists of exact versions that the set-up installs
lock: ready
    "{{ bin }}/uv" pip compile --quiet --python-version 3.11 --override requirements/overrides.txt \
        --no-header --no-annotate requirements/cpu.in -o requirements/cpu.lock
    "{{ bin }}/uv" pip compile --quiet --python-version 3.11 --override requirements/overrides.txt \
        --no-header --no-annotate requirements/gpu.in -o requirements/gpu.lock
