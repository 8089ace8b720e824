"""Actions on messages: walking, copying, editing, retrying, forking."""

from __future__ import annotations

from textual import on
from textual.selection import SelectEnd

from tui import clipboard
from tui.errors import UsageError
from tui.live_turn import LiveTurn
from tui.messages import BranchChosen, SessionReady, Told
from tui.screens.learning import LearningScreen
from tui.screens.panels import PanelsScreen
from tui.screens.slash import as_typed
from tui.turns import Pin
from tui.widgets.block import Block
from tui.widgets.reply import Reply
from tui.widgets.said import Said
from tui.widgets.talk import Talk

STREAMING = "A reply is streaming; Esc stops it."


class BlocksScreen(LearningScreen, PanelsScreen):
    """What can be done with one message: the one in focus, else the last.

    Attributes:
        editing: the message whose new version is being written.
    """

    editing: Block | None = None
    _draft_aside = ""  # what stood in the composer before
    _code_copied: tuple[Block | None, int] = (None, -1)  # whose code was copied last, and which

    @property
    def block(self) -> Block | None:
        """The message in focus; None where none is."""
        return self.focused if isinstance(self.focused, Block) else None

    def action_walk(self, step: int) -> None:
        """Go to the message before or after; past the last one, back to the composer."""
        if not self.talk.transcript.walk(step) and step > 0:
            self.composer.draft.focus()

    @on(SessionReady)
    def _forget_edit(self) -> None:
        self.editing, self._draft_aside = None, ""

    @on(Block.Chosen)
    async def _block_chosen(self, message: Block.Chosen) -> None:
        block = message.block
        match message.name:
            case "copy":
                self.copy_text(block.copied, "the message")
            case "code":
                self.copy_code(block)
            case "edit":
                self.edit(block)
            case "retry":
                await self.answer_again("session", block)
            case "again":
                await self.answer_again("strong", block)
            case "good" | "bad" as judged:
                self.judge(self._turn(block), good=judged == "good")
            case "why":
                self._why_of(block)
            case "fork":
                self.fork(block)
            case "earlier" | "later" as way:
                self._show_version(block, -1 if way == "earlier" else 1)

    # Copying

    def _update_select(self) -> None:
        """As Textual's, after it has scrolled a selection on; there its end stays where it was."""
        state = self._select_state
        widget, offset = (
            self.get_widget_and_offset_at(*state.screen_offset) if state else (None, None)
        )
        if state and widget and offset:
            end = SelectEnd(widget, widget, offset)
            self._select_state = state.update_end(state.screen_offset, end)
        super()._update_select()

    def copy_text(self, text: str, what: str) -> None:
        """Put a text on the clipboard, and say how."""
        self.app.copy_to_clipboard(text)
        counted = f"{what} ({len(text):,} characters)"
        environment = self.program.environment
        self.in_thread(
            lambda: clipboard.put(text, environment),
            lambda tool: Told(clipboard.told(counted, tool, text)),
        )

    def copy_code(self, block: Block) -> None:
        """Copy a message's code, each block of it in turn."""
        from tui.markdown.blocks import code_of

        pieces = code_of(block.copied)
        if not pieces:
            self.tell("There is no code in this message.")
            return
        before, number = self._code_copied
        number = (number + 1) % len(pieces) if before is block else 0
        self._code_copied = (block, number)
        more = "; c again takes the next" if len(pieces) > 1 else ""
        self.copy_text(pieces[number], f"code block {number + 1} of {len(pieces)}{more}")

    def copy(self, argument: str) -> None:
        """Copy the last reply, its code, or the whole conversation.

        Raises:
            UsageError: the argument is none of these.
        """
        reply = self.talk.transcript.last_reply
        if argument not in {"", "code", "all"}:
            raise UsageError(f"{argument!r} cannot be copied.", hint="Write /copy, code or all")
        if reply is None:
            self.tell("There is no reply to copy.")
        elif argument == "code":
            self.copy_code(reply)
        elif argument == "all":
            from tui.sessions import to_markdown

            text = to_markdown(self.talk.turns.session.conversation)
            self.copy_text(text, "the conversation")
        else:
            self.copy_text(reply.copied, "the last reply")

    # Branches

    def edit(self, block: Block | None = None) -> None:
        """Write another version of a message, the last one by default."""
        said = self._said(block)
        if self.talk.turns.live:
            self.tell(STREAMING)
        elif said is None or not said.message_id:
            self.tell("There is no message to edit.")
        else:
            draft = self.composer.exchange(as_typed(said.text))
            if self.editing is None:
                self._draft_aside = draft
            self.editing = said
            self.composer.draft.focus()
            self.talk.post_message(Talk.Changed())

    def stop_editing(self) -> bool:
        """Leave the message as it was, and take up the draft again; whether one was edited."""
        if self.editing is None:
            return False
        self.composer.exchange(self._draft_aside)
        self.editing, self._draft_aside = None, ""
        self.talk.post_message(Talk.Changed())
        return True

    async def answer_again(
        self, pin: Pin, block: Block | None = None, *, unrouted: bool = False
    ) -> None:
        """Answer a message once more, the last by default; "same" keeps what it was pinned to."""
        turn = self._turn(block)
        if turn is None or self.talk.turns.live:
            self.tell(STREAMING if self.talk.turns.live else "There is no message to answer again.")
            return
        if self.composer.text == as_typed(turn.text):
            self.composer.clear()
        if pin == "strong" and not unrouted:
            self.learn_outdone(turn)
        await self.talk.again(turn.pin if pin == "same" else pin, turn=turn, unrouted=unrouted)
        self.composer.draft.focus()

    def fork(self, block: Block | None = None) -> None:
        """Go on in a copy of the conversation, up to that message or whole."""
        sessions, session = self.sessions, self.talk.turns.session
        at = block.message_id if block else session.conversation.head
        if self.talk.turns.live:
            self.tell(STREAMING)
        elif not at:
            self.tell("There is nothing to fork yet.")
        else:
            self.in_thread(lambda: sessions.fork(session, at), SessionReady)
            self.tell("Forked: this is the copy; the other one is in the history.")

    def _show_version(self, block: Block, step: int) -> None:
        session = self.talk.turns.session
        ids = session.conversation.versions().get(block.message_id, ())
        if self.talk.turns.live:
            self.tell(STREAMING)
        elif len(ids) < 2:
            self.tell("This message has one version.", "e edits it, r answers it again.")
        else:
            chosen = ids[(ids.index(block.message_id) + step) % len(ids)]
            self.in_thread(lambda: session.set_head(chosen), lambda _: BranchChosen(chosen))

    @on(BranchChosen)
    def _show_branch(self, message: BranchChosen) -> None:
        self.talk.show_branch(walk_to=message.message_id)

    def _why_of(self, block: Block) -> None:
        reply = block if isinstance(block, Reply) else self.talk.transcript.beside(block, 1)
        if isinstance(reply, Reply) and reply.decision:
            self.show_why(reply)
        else:
            self.tell("No reply of this message was routed.")

    def _said(self, block: Block | None) -> Said | None:
        """The user's message in that turn, or in the last."""
        turn = self._turn(block)
        prompt = turn.prompt if turn else None
        said = self.talk.transcript.block(prompt.id) if prompt else None
        return said if isinstance(said, Said) else None

    def _turn(self, block: Block | None) -> LiveTurn | None:
        return self.talk.turn_of(block) if block else self.talk.turns.last
