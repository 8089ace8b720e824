"""The chat's screen: history, conversation, composer and meter, and how they hang together."""

from __future__ import annotations

from functools import partial
from time import monotonic
from typing import Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import DescendantBlur, DescendantFocus, Resize
from textual.message import Message

from tui.budget import Month
from tui.errors import AppError
from tui.hints import hint_after
from tui.messages import Listed, Sent
from tui.money import percent
from tui.plain.sentences import spent
from tui.screens.audits import AuditsScreen
from tui.screens.cards import CardsScreen
from tui.screens.chat_keys import CHAT_KEYS, EARLY, first_key, keys_in_force
from tui.screens.completion import complete
from tui.screens.panels import WIDE_HISTORY
from tui.screens.saying import SayingScreen
from tui.screens.slash import run_command
from tui.screens.standing import Place, Standing, standing_text
from tui.widgets.actions import Actionable
from tui.widgets.composer import Composer, Draft
from tui.widgets.find import Find
from tui.widgets.header import Header, Mode
from tui.widgets.history import History
from tui.widgets.meter import NEARLY_FULL, Meter, Spending
from tui.widgets.talk import Talk

TEMPORARY = "temporary: not kept"
SHORT = 24  # rows, below which what could be left out is
LEAVING_SECONDS = 6.0  # in which the second ctrl+c quits: as long as a toast says so
EARLY_SECONDS = 0.05  # until what came too early is tried again


class ChatScreen(SayingScreen, CardsScreen, AuditsScreen):
    """One conversation in sight, the others at hand."""

    class Attentive(Message):
        """What is typed from now on has a place to go to."""

    BINDINGS: ClassVar[list[BindingType]] = [*CHAT_KEYS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # as BaseScreen
        super().__init__(*args, **kwargs)
        self._leaving = 0.0  # until when ctrl+c quits
        self._turns_ever: int | None = None  # that were answered; None before the first list
        self._unanswered = False  # the last message: of a fork that ends with it, for example
        self._next = ""  # what a new user can do after their last turn
        self._full = ""  # the conversation last said to be nearly too long

    def compose(self) -> ComposeResult:
        self.talk.opening = self.opening()
        yield Header()
        with Horizontal(id="body"):
            yield History().set_class(self.app.size.width >= WIDE_HISTORY, "-open")
            yield self.talk
        yield Find(self.talk)
        yield Composer(partial(complete, self))
        yield Meter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # Textual's
        """Whether the action can be carried out yet."""
        if self.talk.turns.is_open or action in EARLY:
            return super().check_action(action, parameters)
        return False

    def on_mount(self) -> None:
        self.focus_opening()
        self.post_message(self.Attentive())
        self.talk.why.key = self._first_keys()["why"]
        self._show_state()
        self.call_after_refresh(self._after_first_paint)

    async def _after_first_paint(self) -> None:
        self.talk.start_engine()
        await self.begin_session()
        self.look_for_audits()
        if self.talk.turns.routing.pool is None:
            self.look_around()

    # What is in sight

    @on(Talk.Changed)
    def _show_state(self) -> None:
        turns, routing = self.talk.turns, self.talk.turns.routing
        own = routing.threshold is not None
        header = self.query_one(Header)
        header.mode = Mode(
            routing.share, self.talk.threshold, routing.pin, custom=own, limited=bool(turns.limit)
        )
        if turns.is_open:
            temporary = turns.session.temporary
            header.title = TEMPORARY if temporary else turns.session.conversation.title
            self.talk.show_instructions()
            branch = turns.session.branch()
            header.turns = sum(said.role == "user" for said in branch)
            self._unanswered = bool(branch) and branch[-1].role == "user"
        self.query_one(Meter).spending = self._spending()
        self._say_state()
        self.fold(self.size.width)

    def _spending(self) -> Spending:
        turns = self.talk.turns
        return Spending(
            ledger=turns.ledger,
            running=turns.live.bill if turns.live else None,
            context_share=turns.context_share,
            month=self.month or Month(),
            budget=self.program.settings.budget,
        )

    def _standing(self) -> Standing:
        turns = self.talk.turns
        return Standing(
            live=turns.live,
            place=self._place(),
            editing=self.editing is not None,
            read_only=turns.is_open and turns.session.read_only,
            unanswered=self._unanswered,
            warm=self.talk.warm,
            hint=self._next,
        )

    def _place(self) -> Place:
        """Where the focus is."""
        if self.history.list_has_focus:
            return "history"
        if self.history.box_has_focus:
            return "search"
        if self.block:
            return "message"
        return "card" if isinstance(self.focused, Actionable) else "draft"

    def _first_keys(self) -> dict[str, str]:
        """The key to name for each action."""
        return {binding.id or "": first_key(binding) for binding in self.key_list()}

    @on(DescendantFocus)
    @on(DescendantBlur)
    def _show_hints(self) -> None:
        self.call_after_refresh(self._say_state)

    def _say_state(self) -> None:
        text = standing_text(self._standing(), self._first_keys(), self.size.width)
        self.composer.border_title = text

    def on_resize(self, event: Resize) -> None:
        # A vertical breakpoint would give an ordinary screen a class too, and style all once more.
        self.set_class(event.size.height < SHORT, "-short")
        self.fold(event.size.width)
        self._say_state()

    # Saying something

    @on(Composer.Sent)
    async def _sent(self, message: Composer.Sent) -> None:
        text = message.text
        self._leaving = 0.0
        if not self.talk.turns.is_open or self.talk.is_reading:  # faster than what is to be shown
            self.set_timer(EARLY_SECONDS, lambda: self._sent(message))
        elif text.startswith("/") and not text.startswith("//"):
            await self._command(text)
        else:
            await self.say(text[1:] if text.startswith("//") else text, message.pin)

    def carry_out(self, text: str) -> None:
        """Do what a slash command says, as if it had been typed."""
        self.call_later(self._command, text)

    async def _command(self, text: str) -> None:
        if not self.talk.turns.is_open:
            self.set_timer(EARLY_SECONDS, lambda: self._command(text))
            return
        try:
            await run_command(self, text)
        except AppError as error:
            self.composer.restore(text)
            self.tell(str(error), error.hint)

    @on(Sent)
    def _list_what_was_sent(self) -> None:
        """Let the conversation stand first from the moment on at which something is said in it."""
        self._show_state()
        session = self.talk.turns.session
        first = next((item.session_id for item in self.history.shown), "")
        if not session.temporary and first != session.id:
            self.list_sessions()

    @on(Talk.Finished)
    def _finished(self) -> None:
        self.list_sessions()
        self._warn_of_context()

    @on(Listed)
    def _hint(self, message: Listed) -> None:
        """Say what can be done next after the first turns that a user ever has."""
        if message.month is None:
            return
        known, self._turns_ever = self._turns_ever, message.turns
        if known is not None and message.turns > known:
            self._next = hint_after(message.turns, self._first_keys())
            self._say_state()

    def _warn_of_context(self) -> None:
        """Say once in a conversation that it is nearly too long, and what to do."""
        turns = self.talk.turns
        share = turns.context_share or 0.0
        if share >= NEARLY_FULL and self._full != turns.session.id:
            self._full = turns.session.id
            self.warn(
                f"This conversation fills {percent(share)} of what its models read.",
                "/new begins another; alt+up, then e on a message goes back to before it.",
            )

    # Keys and commands

    def show_cost(self) -> None:
        """Say what this conversation cost, in words."""
        self.tell(spent(self.talk.turns.ledger, self.month))

    def key_list(self) -> list[Binding]:
        """Every key of the chat as it is in force, moved ones included."""
        return keys_in_force(self.program.settings.keys)

    async def act(self, binding_id: str) -> None:
        """Do what a key does: on the last message, or in the history, where it is theirs."""
        place, _, name = binding_id.rpartition(".")
        blocks = self.talk.transcript.blocks
        if place == "block" and blocks:
            blocks[-1].action_choose(name)
        elif place == "history":
            self.history.focus_list()
        else:
            binding = next(known for known in self.key_list() if known.id == binding_id)
            of_draft = hasattr(Draft, f"action_{binding_id}")
            await (self.composer.draft if of_draft else self).run_action(binding.action)

    def keep_theme(self, name: str) -> None:
        """Begin later runs in these colours."""
        program = self.program
        self.in_thread(lambda: program.change({"theme": name}))
        if self.app.no_color:
            self.tell("NO_COLOR is set: the theme shows where it is not.")

    def action_find(self) -> None:
        """Look for words in this conversation."""
        self.query_one(Find).open()

    @on(Talk.Whole)
    def _look_again(self) -> None:
        self.query_one(Find).again()

    @on(Find.Closed)
    def _stop_looking(self) -> None:
        self.composer.draft.focus()

    def action_page(self, step: int) -> None:
        if self.history.list_has_focus:
            raise SkipAction  # its own key moves in the list
        transcript = self.talk.transcript
        (transcript.scroll_page_up if step < 0 else transcript.scroll_page_down)(animate=False)

    def action_send_auto(self) -> None:
        self.composer.send(None)

    def action_send_weak(self) -> None:
        self.composer.send("weak")

    def action_send_strong(self) -> None:
        self.composer.send("strong")

    def action_auto(self) -> None:
        self.pin(None)

    def action_weak(self) -> None:
        self.pin("weak")

    def action_strong(self) -> None:
        self.pin("strong")

    async def action_retry(self) -> None:
        await self.answer_again("session" if self.block else "same", self.block)

    async def action_again(self) -> None:
        await self.answer_again("strong", self.block)

    def action_keys(self) -> None:
        from tui.screens.bindings import BindingsScreen

        self.app.push_screen(BindingsScreen(self.key_list()))

    def action_palette(self) -> None:
        self.app.action_command_palette()

    def action_suspend(self) -> None:
        from tui.terminal import suspend

        in_terminal = not (self.app.is_web or self.app.is_headless)
        if not in_terminal or not suspend():
            self.tell("There is no shell to go back to.")

    def action_stop(self) -> None:
        if not (self.talk.stop() or self.stop_editing() or self.query_one(Find).close()):
            self.end_search()
            self.composer.draft.focus()

    def action_clear_or_quit(self) -> None:
        selected = self.get_selected_text() or self.composer.draft.selected_text
        leaving, self._leaving = monotonic() < self._leaving, 0.0
        if selected:
            self.copy_text(selected, "the selection")
            self.clear_selection()
        elif self.composer.draft.text:
            self.composer.clear()
        elif leaving:
            self.app.exit()
        else:
            self._leaving = monotonic() + LEAVING_SECONDS
            self.tell("Press ctrl+c again to quit.")
