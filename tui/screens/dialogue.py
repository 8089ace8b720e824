"""What every dialogue over the chat shares: a framed box in the middle, and a way back."""

from __future__ import annotations

from textual.screen import ModalScreen, ScreenResultType


class Dialogue(ModalScreen[ScreenResultType | None]):
    """A box over the chat; Esc closes it with None."""

    DEFAULT_CSS = """
    Dialogue { align: center middle; }
    Dialogue > Vertical, Dialogue > VerticalScroll { width: 64; max-width: 95%; height: auto;
        max-height: 95%; padding: 1 2; border: round $primary; background: $surface; }
    Dialogue Input { border: none; height: 1; padding: 0 1; background: $boost; }
    Dialogue Input:focus { border: none; background: $primary 30%; }
    Dialogue .label { color: $text-muted; height: 1; }
    Dialogue .error { color: $text-error; height: auto; }
    """

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether there is something to act on yet: a key may come before the first paint."""
        return self.is_mounted and super().check_action(action, parameters)

    def action_leave(self) -> None:
        """Close with nothing."""
        self.dismiss(None)
