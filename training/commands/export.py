"""`just export <model> <folder>`: writes a folder that diffusers opens, with a record of the training.

just export models/cogvideox-sat/transformer exported/2b --vae models/CogVideoX-2b/vae
"""

import argparse
import sys

from schemas.command import run_command
from training.commands.arguments.export import parse
from training.export.find import find_source
from training.export.folder import export_folder


def main(arguments: list[str]) -> int:
    """Entry point."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Write the folder and print its contents."""
    source = find_source(options.model, options.positions, options.snr_shift)
    source = source.with_encoders(options.vae, options.text_encoder)
    if options.merge:
        source = source.merged()
    export_folder(
        options.folder,
        source.family,
        source.state,
        source.record,
        adapters=source.adapters,
        precision=options.precision,
        encoders=options.encoders,
    )
    parts = sorted(path.name for path in options.folder.iterdir())
    print(f"{source.checkpoint} in {options.folder}: {', '.join(parts)}")
    return 0


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
