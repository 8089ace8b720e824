"""The clipboard, with an honest report: a terminal never says whether it took a text.

A desktop program answers with an exit code, so those are tried first. Its messages must not
reach the screen, which is why none of the Python libraries for this serves here.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

SECONDS = 3.0
OSC52_BYTES = 74_994  # of base64: what xterm, and those that follow it, take at most


class Tool(NamedTuple):
    """A program that reads a text for the clipboard from its standard input.

    Attributes:
        needs: the variable without which it has no clipboard to write to, or the platform.
    """

    command: Sequence[str]
    needs: str
    encoding: str = "utf-8"

    @property
    def name(self) -> str:
        """What it is called."""
        return self.command[0]


TMUX = Tool(("tmux", "load-buffer", "-w", "-"), "TMUX")
TOOLS = (
    Tool(("pbcopy",), "darwin"),
    Tool(("clip",), "win32", "utf-16-le"),
    Tool(("wl-copy",), "WAYLAND_DISPLAY"),
    Tool(("xclip", "-selection", "clipboard"), "DISPLAY"),
    Tool(("xsel", "--clipboard", "--input"), "DISPLAY"),
    Tool(("clip.exe",), "WSL_DISTRO_NAME", "utf-16-le"),
    TMUX,
)


def put(text: str, environment: Mapping[str, str]) -> Tool | None:
    """The program that has put the text on the clipboard; None where none has. Call in a thread."""
    for tool in TOOLS:
        at_hand = tool.needs in environment or tool.needs == sys.platform
        if at_hand and not _is_elsewhere(tool, environment) and _run(tool, text, environment):
            return tool
    return None


def told(what: str, tool: Tool | None, text: str) -> str:
    """What was done, in words; without a tool the text was sent to the terminal."""
    if tool == TMUX:
        return f"Put {what} into tmux's buffer: prefix ] pastes it. The terminal was sent it too."
    if tool:
        return f"Copied {what} with {tool.name}."
    size = len(text.encode("utf-8", "replace")) * 4 / 3
    doubt = "which is more than many take" if size > OSC52_BYTES else "which not every one takes"
    return (
        f"Sent {what} to the terminal as OSC 52, {doubt}. "
        "If it does not paste: shift and the mouse select, /export writes a file."
    )


def _is_elsewhere(tool: Tool, environment: Mapping[str, str]) -> bool:
    """Whether the tool's clipboard is on a remote machine."""
    return "SSH_CONNECTION" in environment and tool.needs in {"darwin", "win32", "WAYLAND_DISPLAY"}


def _run(tool: Tool, text: str, environment: Mapping[str, str]) -> bool:
    program = shutil.which(tool.name, path=environment.get("PATH"))
    if program is None:
        return False
    try:
        done = subprocess.run(
            [program, *tool.command[1:]],
            input=text.encode(tool.encoding, "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
