"""Actions of error cards and of the welcome."""

from __future__ import annotations

from textual import on

from tui.live_turn import LiveTurn
from tui.screens.blocks import BlocksScreen
from tui.screens.sessions import SessionsScreen
from tui.screens.slash import as_typed
from tui.widgets.actions import Actionable
from tui.widgets.reply import Reply
from tui.widgets.talk import Talk

CONTINUE = "Go on exactly where your reply stopped."


class CardsScreen(BlocksScreen, SessionsScreen):
    """What the actions of a card, and of the welcome, do."""

    @on(Talk.GaveBack)
    def _gave_back(self, message: Talk.GaveBack) -> None:
        if not self.composer.draft.text.strip():  # else the user is writing a message
            message.card.take_focus()
        if message.text:
            self.composer.restore(as_typed(message.text))

    @on(Reply.CardChosen)
    async def _card_chosen(self, message: Reply.CardChosen) -> None:
        last = self.talk.turns.last
        if last is None or last.key != message.key:
            self.tell("The conversation has continued from here.")
        else:
            await self._choose(message.name, last)

    @on(Actionable.Chosen)
    async def _welcome_chosen(self, message: Actionable.Chosen) -> None:
        await self._choose(message.name, None)

    @on(Actionable.Left)
    def _left_card(self, message: Actionable.Left) -> None:
        self.composer.insert(message.text)
        if message.edit:  # once the draft has the focus
            self.app.call_later(self.app.simulate_key, message.edit)

    @on(Actionable.Sent)
    def _sent_from_card(self) -> None:
        self.composer.draft.focus()
        self.composer.send()

    async def _choose(self, name: str, turn: LiveTurn | None) -> None:
        """Do what an action of a card, or of the welcome, says."""
        match name:
            case "retry":
                await self.answer_again("same")
            case "other":
                turns = self.talk.turns
                await self.answer_again((turn.other or turns.alternative(turn)) if turn else None)
            case "weak" | "strong" as wanted:
                await self.answer_again(wanted, unrouted=True)
            case "continue":
                model = self.talk.turns.model_of(turn) if turn else None
                await self.talk.say(CONTINUE, model.name if model else "session")
                self.composer.draft.focus()
            case "key":
                self.ask_key(turn)
            case "models":
                self.action_settings()
            case "demo":
                await self.use_demo()
            case "new":
                self.action_new()
            case "unkept":
                self.begin_temporary()
