"""`cutroom completion bash|zsh|fish`: a script by which the shell completes commands, options and their choices.

The words are those of the parsers, written out when the script is made: pressing the key starts no Python.

    eval "$(cutroom completion bash)"
"""

import argparse
import importlib
import shlex
from collections.abc import Iterator, Mapping, Sequence

from pipeline.commands.arguments.completion import parse
from schemas.command import run_command
from schemas.commands import COMMANDS

Words = Mapping[str, Mapping[str, Sequence[str]]]
"""By command, its options and the choices of each; `""` holds the choices of what needs no option."""


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Print the script."""
    words = {name: words_of(importlib.import_module(command.arguments).parser()) for name, command in COMMANDS.items()}
    print({"bash": bash, "zsh": zsh, "fish": fish}[parsed.shell](words))


def words_of(parser: argparse.ArgumentParser) -> dict[str, list[str]]:
    """What may stand behind a command: each option with its choices, and under `""` the choices of bare words."""
    words: dict[str, list[str]] = {"": []}
    for action in parser._actions:
        choices = [str(choice) for choice in action.choices or ()]
        for option in action.option_strings:
            words[option] = choices
        if not action.option_strings:
            words[""] += choices
    return words


def bash(words: Words) -> str:
    """A function for bash: options and choices where there are some, else files."""
    return "\n".join(
        [
            "_cutroom() {",
            '    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words=""',
            '    if [ "$COMP_CWORD" -eq 1 ]; then',
            f'        words="{" ".join(words)} --help --version"',
            "    else",
            '        case "${COMP_WORDS[1]} $before" in',
            *_with_choices(words),
            '        *) case "${COMP_WORDS[1]}" in',
            *(f'            {name}) words="{" ".join(_bare(inner))}" ;;' for name, inner in words.items()),
            "        esac ;;",
            "        esac",
            "    fi",
            '    COMPREPLY=($(compgen -W "$words" -- "$word"))',
            "}",
            "complete -o default -F _cutroom cutroom",
        ]
    )


def _with_choices(words: Words) -> Iterator[str]:
    for name, inner in words.items():
        for option, choices in inner.items():
            if option and choices:
                yield f'        "{name} {option}") words="{" ".join(choices)}" ;;'


def _bare(inner: Mapping[str, Sequence[str]]) -> list[str]:
    return [*inner[""], *filter(None, inner)]


def zsh(words: Words) -> str:
    """The function for bash, which zsh runs by itself."""
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash(words)


def fish(words: Words) -> str:
    """One line per word that fish may offer."""
    lines = [
        "complete -c cutroom -n __fish_use_subcommand -l help",
        "complete -c cutroom -n __fish_use_subcommand -l version",
    ]
    for name, inner in words.items():
        summary = shlex.quote(COMMANDS[name].summary)
        lines.append(f"complete -c cutroom -f -n __fish_use_subcommand -a {name} -d {summary}")
        here = f"complete -c cutroom -n '__fish_seen_subcommand_from {name}'"
        if inner[""]:
            lines.append(f"{here} -a '{' '.join(inner[''])}'")
        for option, choices in inner.items():
            if option.startswith("--"):
                lines.append(f"{here} -l {option[2:]}" + (f" -x -a '{' '.join(choices)}'" if choices else ""))
    return "\n".join(lines)


if __name__ == "__main__":
    run_command(main)
