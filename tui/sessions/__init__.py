"""Conversations on disk: one TinyDB file a session, an index that can be rebuilt, a trash.

`Sessions` is the folder, `Session` one open conversation of it, `Conversation` what it holds at one
moment, `Message` one message, `SessionInfo` one row of the list. In a chat:

    sessions = Sessions(paths(os.environ).sessions)     # touches nothing
    session = sessions.create()                         # nor does this: no file before a message
    session.add("user", prompt)                         # on disk when it returns
    reply = session.add("assistant", "", state="streaming", decision=decision)
    reply = session.update(replace(reply, text=part))   # every two seconds
    session.update(replace(reply, text=text, state="done", usage=usage, bill=bill))
    session.branch()                                    # root to head
    session.close()                                     # gives the lock back

Every method of `Sessions`, and every method of `Session` that changes something, waits for the
disk: call it in a thread. What only reads a `Session` (`conversation`, `branch`, `siblings`,
`info`) never waits and may be called anywhere, while another thread writes.

A change that the disk refuses raises `tui.errors.StoreError` and is in the conversation all the
same (`unsaved`); `save` tries again, and so does the next change. A message that `add` could not
store is the end of `branch()`: adding it again would store it twice (see `tui.live_turn`).

Editing and regenerating make a branch: `add("user", text, beside=old.id)`. `siblings(id)` are the
`<2/3>`; `set_head(id)` shows another one. Where another process holds the session, `open` gives a
`read_only` one, with the reason in `trouble`; `fork` makes an own copy of it. `delete` moves to the
trash, and `purge` empties it of what lay there for 30 days: the chat does so a while after its
first paint.

`routed(sessions.messages())` are the turns of the whole history that a router decided, each with
its win probability and what either model costs for it; `outcome(turns, threshold)` says what
another threshold would have made of them. `judged` are those of which the user said what they
wanted, `wishes_met(judged, threshold)` how often that threshold gives it to them, and
`separation(judged)` how well the win probabilities tell the two kinds apart.
"""

from tui.sessions.conversation import Conversation, SessionInfo
from tui.sessions.costs import DayCost, total
from tui.sessions.export import to_json, to_markdown, write_export
from tui.sessions.folder import Sessions
from tui.sessions.judged import Judged, WishesMet, answered_again, judged, separation, wishes_met
from tui.sessions.message import Message, State, short
from tui.sessions.past import Outcome, Routed, of_pool, outcome, routed
from tui.sessions.session import Session

__all__ = [
    "Conversation",
    "DayCost",
    "Judged",
    "Message",
    "Outcome",
    "Routed",
    "Session",
    "SessionInfo",
    "Sessions",
    "State",
    "WishesMet",
    "answered_again",
    "judged",
    "of_pool",
    "outcome",
    "routed",
    "separation",
    "short",
    "to_json",
    "to_markdown",
    "total",
    "wishes_met",
    "write_export",
]
