"""Completion of words in a shell: `freqjax completion bash` prints a script for it to read.

The scripts call `freqjax completion candidates WORD …` for the possible completions of the last word.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from freqjax.commandline.help import value_of
from freqjax.config import overrides, shipped
from freqjax.config.fields import field_types
from freqjax.config.names import CELLS, TASKS
from freqjax.config.sections import Config, sections
from freqjax.errors import UserError
from freqjax.modes import MODES

_BASH = """\
_freqjax() {
    local IFS=$'\\n'
    COMPREPLY=($(freqjax completion candidates "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
    [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=.] ]] && compopt -o nospace
}
complete -o default -F _freqjax freqjax
"""
_ZSH = """\
#compdef freqjax
_freqjax() {
    local -a found whole open
    found=("${(@f)$(freqjax completion candidates "${(@)words[2,CURRENT]}" 2>/dev/null)}")
    whole=(${found:#*[=.]}) open=(${(M)found:#*[=.]})
    (( ${#whole} + ${#open} )) || { _files; return }
    compadd -- $whole
    compadd -S '' -- $open
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _freqjax "$@"; else compdef _freqjax freqjax; fi
"""
_FISH = """\
function __freqjax
    set -l words (commandline -opc) (commandline -ct)
    freqjax completion candidates $words[2..] 2>/dev/null
end
complete -c freqjax -a '(__freqjax)'
"""
_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
_HOW = {
    "bash": 'eval "$(freqjax completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(freqjax completion zsh)" in ~/.zshrc, after compinit',
    "fish": "freqjax completion fish > ~/.config/fish/completions/freqjax.fish",
}
USAGE = "\n".join(
    ["usage: freqjax completion SHELL", "", "Print a script that completes words:"]
    + [f"  {shell:<6} {how}" for shell, how in _HOW.items()]
)


def answer(words: Sequence[str]) -> str:
    """Return the output of `freqjax completion WORDS`: the script of a shell, or candidates, one per line.

    Raises:
      UserError: there is no script for the shell.
    """
    if words and words[0] == "candidates":
        return "\n".join(candidates(words[1:]))
    if len(words) != 1 or words[0] not in _SCRIPTS:
        given = " ".join(words) or "given no shell"
        raise UserError(f"completion is {given}: it must be one of {', '.join(_SCRIPTS)}.")
    return f"# {_HOW[words[0]]}\n{_SCRIPTS[words[0]]}".rstrip()


def candidates(words: Sequence[str]) -> list[str]:
    """List the possible completions of the last word of a command, as whole words.

    Bash splits --name=text into three words, and expects only the text in return.
    """
    joined = [""]
    for last, word in itertools.pairwise(["", *words]):
        if "=" in (last, word) and len(joined) > 1:
            joined[-1] += word
        else:
            joined.append(word)
    *before, word = joined[1:] or [""]
    found = [known for known in _known(before, word) if known.startswith(word)]
    return [f.partition("=")[2] for f in found] if "=" in words[-2:] else found


def _known(before: Sequence[str], word: str) -> Iterable[str]:
    if not before and not word.startswith("-"):
        return [*MODES, "completion"]
    if list(before) == ["completion"]:
        return list(_SCRIPTS)
    if word.startswith("--config."):
        return _fields(before, word)
    name, equals, _ = word.partition("=")
    if equals:
        return [f"{name}={value}" for value in _values(name)]
    return _values(before[-1]) if before and _values(before[-1]) else _flags(before, word)


def _values(flag: str) -> list[str]:
    """List the values of a flag; empty if any text is allowed."""
    return {
        "--config": shipped.config_names(),
        "--recipe": shipped.recipe_names(),
        "--checkpoint": shipped.checkpoint_names(),
        "--mode": list(MODES),
        "--device": ["cpu", "gpu", "tpu"],
        "--split": ["train", "test"],
        "--on-bad-line": ["stop", "skip", "hold"],
        "--gain": ["auto", "none"],
        "--channel": ["all"],
    }.get(flag, [])


def _flags(before: Sequence[str], word: str) -> list[str]:
    if not word.startswith("-"):
        return []
    named = before[0] if before and before[0] in MODES else value_of("mode", before)
    mode = MODES.get(named or "train")
    flags = [] if mode is None else [f"--{flag}" for flag in mode.flags]
    flags += [f"--no-{f[2:]}" for f in flags if f == "--figures"]
    return [*flags, "--config.", "--help"] + ([] if before else ["--mode", "--version"])


def _fields(before: Sequence[str], word: str) -> list[str]:
    name, equals, _ = word.partition("=")
    found = []
    for section_name, section in sections(_config(before)):
        kinds = field_types(type(section))
        for field in dataclasses.fields(section):
            whole = f"--config.{section_name}.{field.name}"
            if not equals:
                found.append(f"{whole}=")
            elif whole == name:
                listed = {"--config.task.name": tuple(TASKS), "--config.network.cell": tuple(CELLS)}
                values = ("true", "false") if kinds[field.name] is bool else listed.get(whole, ())
                found += [f"{whole}={v}" for v in field.metadata.get("values", values)]
    return found


def _config(before: Sequence[str]) -> Config:
    """Return the config whose fields are completed; a user's own config file is not executed for this."""
    named = value_of("config", before)
    if named is None or (named.endswith(".py") and named not in shipped.config_names()):
        return Config()
    try:
        return overrides.load(named)
    except UserError:
        return Config()
