"""How turns are routed: the models, the share, pins and keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from textual import on
from textual.widget import Widget

from routing.models import DEMO_PAIR, PROVIDER_KEYS, key_name_of, suggested_models
from routing.routers import ROUTERS
from tui.errors import UsageError
from tui.live_turn import LiveTurn
from tui.messages import (
    EngineReady,
    HeaderChanged,
    KeysFound,
    PoolChosen,
    RouterChanged,
    ServersFound,
    SettingsReady,
    ThresholdsKnown,
    Told,
)
from tui.screens.base import BaseScreen
from tui.settings import ModelSettings, check_pool, pool_settings
from tui.widgets.talk import Talk
from tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from routing.models import Model
    from tui.screens.curve import History
    from tui.screens.keys import NewKey
    from tui.screens.threshold import Past
    from tui.sessions import Routed


class RoutingScreen(BaseScreen):
    """The routing choices of the user."""

    def pin(self, model: str | None) -> None:
        """Let that model, or end of the pool, answer in this conversation; None: the router."""
        turns = self.talk.turns
        turns.routing.pin = model
        self.talk.post_message(Talk.Changed())
        if turns.is_open and not turns.session.read_only:
            session = turns.session
            self.in_thread(lambda: session.set_pin(model))

    def set_share(self, share: float) -> None:
        """Route that share of turns to the strong model, now and in later runs."""
        self._use({"share": share, "threshold": None})

    def choose_router(self, name: str) -> None:
        """Let that router decide, now and in later runs; without a name, say which there are.

        Raises:
            UsageError: no router has that name.
        """
        known = ", ".join(ROUTERS)
        if not name:
            self.tell(f"{self.program.settings.router} decides. There are: {known}.")
            return
        if name not in ROUTERS:
            raise UsageError(f"No router is named {name}.", hint=f"There are: {known}.")
        engine = self.talk.turns.engine

        async def use() -> None:
            self.post_message(RouterChanged(await engine.use(name)))

        self.tell(f"Loading the {name} router …")
        self.in_worker(use, group="router")

    def choose_model(self, argument: str) -> None:
        """Pin one of the models, change an end of the pool, or open the settings.

        Raises:
            UsageError: no models are set, none of them matches, or no provider serves the new one.
        """
        from tui.model_check import check_model

        end, _, name = argument.partition(" ")
        pool = self.talk.turns.routing.pool
        if not argument:
            self.action_settings()
        elif pool is None:
            raise UsageError("No models are set yet.", hint="F5 sets them.")
        elif end in {"strong", "weak"} and name.strip():
            names = list(pool.names)
            names[0 if end == "strong" else -1] = name.strip()
            check_model(self.program.model(name.strip()))
            check_pool(names, "/model")
            self._use(pool_settings(names))
        else:
            self.pin(_named(argument, pool.names))

    async def use_demo(self) -> None:
        """Take the built-in pair, for this run."""
        self._use(pool_settings(DEMO_PAIR.names), keep=False)
        await self.show_opening()

    def opening(self) -> Widget | None:
        """An empty conversation shows its pair; without a pair, what was found on this machine."""
        turns = self.talk.turns
        if turns.is_open and turns.session.conversation.head:
            return None
        if turns.routing.pool is not None:
            return self.talk.empty()
        return self.welcome()

    def welcome(self) -> Welcome:
        """What was found on this machine, if no models are set."""
        return Welcome([name for name in PROVIDER_KEYS if self.program.environment.get(name)])

    async def show_opening(self) -> None:
        """Show an empty conversation as it is now."""
        opening = self.opening()
        shown = [type(child) for child in self.talk.transcript.children]
        if opening and shown != [type(opening)]:
            await self.talk.transcript.show([opening])
            if isinstance(opening, Welcome):
                self.look_around()
        self.focus_opening()

    def focus_opening(self) -> None:
        """Whatever an empty conversation shows, what is typed is a message."""
        self.set_focus(self.composer.draft)

    def look_around(self) -> None:
        """Look for model servers and for kept keys on this machine."""
        from tui.local_servers import find_servers

        async def find() -> None:
            self.post_message(ServersFound(await find_servers()))

        self.in_worker(find)
        self.in_thread(self.program.keyring.kept, KeysFound)

    def ask_key(self, turn: LiveTurn | None) -> None:
        """Let the user add the key that the turn's model needs."""
        from tui.screens.keys import KeyScreen

        model = self.talk.turns.model_of(turn) if turn else None
        name = key_name_of(model) if model else None
        server = model if model and model.api_base and not name else None
        screen = KeyScreen(name or "", server.api_base or "" if server else "")
        self.app.push_screen(screen, partial(self._keep_key, server))

    def action_settings(self) -> None:
        """Show the settings."""
        self.in_thread(self._settings_ready, lambda ready: ready)

    def action_threshold(self) -> None:
        """Show the threshold slider."""
        self._ask_thresholds(self._show_threshold)

    def action_curve(self) -> None:
        """Show quality and cost over the user's own history."""
        self._ask_thresholds(self._show_curve)

    def _ask_thresholds(self, show: Callable[[Mapping[float, float]], None]) -> None:
        """Ask the engine for the threshold of each share, and show what stands on them."""
        from tui.screens.slider import shares

        engine, pool = self.talk.turns.engine, self.talk.turns.routing.pool or DEMO_PAIR

        async def ask() -> None:
            known = {share: await engine.threshold(pool, share) for share in shares()}
            self.post_message(ThresholdsKnown(known, show))

        self.in_worker(ask)

    @on(ServersFound)
    def _servers_found(self, message: ServersFound) -> None:
        for welcome in self.query(Welcome):
            welcome.servers = message.servers

    @on(KeysFound)
    def _keys_found(self, message: KeysFound) -> None:
        for welcome in self.query(Welcome):
            welcome.key_names = {*welcome.key_names, *message.names}

    @on(RouterChanged)
    def _router_changed(self, message: RouterChanged) -> None:
        """An own threshold goes with the router whose win probabilities it was meant for."""
        router, own = message.readiness.router, self.program.settings.threshold is not None
        self._use({"router": router} | ({"threshold": None} if own else {}))
        self.talk.post_message(EngineReady(message.readiness))
        dropped = (
            " Your own threshold was for the previous one, so the share applies again."
            if own
            else ""
        )
        self.tell(f"The {router} router decides from now on.{dropped}")

    @on(SettingsReady)
    def _show_settings(self, message: SettingsReady) -> None:
        from tui.screens.settings import SettingsScreen

        screen = SettingsScreen(self.program.loaded, message.key_lines, message.models)
        self.app.push_screen(screen, self._settings_closed)

    @on(ThresholdsKnown)
    def _thresholds_known(self, message: ThresholdsKnown) -> None:
        message.show(message.thresholds)

    def _show_threshold(self, thresholds: Mapping[float, float]) -> None:
        from tui.screens.threshold import ThresholdScreen
        from tui.sessions import routed

        turns = self.talk.turns
        session = self._comparable(routed(turns.session.conversation.messages.values()))
        screen = ThresholdScreen(turns.routing.share, thresholds, session.known, self._history)
        self.app.push_screen(screen, self._threshold_chosen)

    def _show_curve(self, thresholds: Mapping[float, float]) -> None:
        from tui.screens.curve import CurveScreen

        screen = CurveScreen(self.talk.turns.routing.share, thresholds, self._judged_history)
        self.app.push_screen(screen, self._threshold_chosen)

    def _judged_history(self) -> History:
        """The whole history with what the user made of it; waits for the disk."""
        from routing.own import OwnBattles
        from tui.screens.curve import History
        from tui.sessions import answered_again, judged, routed

        messages = list(self.sessions.messages())
        past = self._comparable(routed(messages))
        own = OwnBattles(self.program.paths.router).read()
        wishes = judged(past.known, own, answered_again(messages))
        return History(past.known, wishes, past.left_out)

    def _history(self) -> Past:
        from tui.sessions import routed

        return self._comparable(routed(self.sessions.messages()))

    def _comparable(self, turns: Sequence[Routed]) -> Past:
        """Those of the turns that the models in force had, by the router in force."""
        from tui.screens.threshold import Past
        from tui.sessions import of_pool

        pool = self.talk.turns.routing.pool or DEMO_PAIR
        known = of_pool(turns, pool, self.program.settings.router)
        return Past(known, len(turns) - len(known))

    def _threshold_chosen(self, share: float | None) -> None:
        if share is not None:
            self.set_share(share)

    async def _settings_closed(self, chosen: Mapping[str, Any] | str | None) -> None:
        if chosen == "key":
            self.ask_key(None)
        elif chosen == "demo":
            await self.use_demo()
        elif isinstance(chosen, Mapping):
            self._use(chosen)
            self.post_message(HeaderChanged())
            await self.show_opening()

    def _settings_ready(self) -> SettingsReady:
        """What the settings screen shows, gathered in a thread: keys may be in a keyring."""
        from tui.diagnosis import known_keys
        from tui.local_servers import find_servers

        served = [name for server in asyncio.run(find_servers()) for name in server.models]
        keys = known_keys(self.program, self.talk.turns.routing.pool)
        lines = [f"{name}: {origin}" for name, origin in keys.items()]
        return SettingsReady(lines, [*self.program.settings.models, *served, *suggested_models()])

    def _keep_key(self, server: Model | None, key: NewKey | None) -> None:
        """Keep a key; where it is for a server of the user's own, as the one to send there."""
        if key is None:
            return
        keyring = self.program.keyring

        async def keep() -> None:
            place = await asyncio.to_thread(keyring.store, key.name, key.value)
            self.post_message(KeysFound([key.name]))
            self.post_message(Told(f"{key.name} is kept in {place}."))

        self.in_worker(keep)
        if server is not None:
            self._send_there(server, key.name)

    def _send_there(self, server: Model, key_name: str) -> None:
        """Let that key go to the model's server; in this chat alone where a flag named it."""
        if self.program.api_base is not None:
            self.program = replace(self.program, key_name=key_name)
            self._use({}, keep=False)
            return
        own = self.program.settings.models
        said = own.get(server.name, ModelSettings())
        self._use(
            {"models": {**own, server.name: msgspec.structs.replace(said, key_name=key_name)}}
        )

    def _use(self, changes: Mapping[str, Any], *, keep: bool = True) -> None:
        """Put settings in force; `keep` writes them into the user's file too."""
        settings = msgspec.structs.replace(self.program.settings, **changes)
        kept = {n: o for n, o in self.program.loaded.origins.items() if n not in changes}
        given = [name for name, value in changes.items() if value is not None]
        place = str(self.program.paths.settings) if keep else "this chat"
        origins = {**kept, **dict.fromkeys(given, place)}
        loaded = replace(self.program.loaded, settings=settings, origins=origins)
        self.program = replace(self.program, loaded=loaded)
        turns = self.talk.turns
        turns.program = self.program
        had, pool = turns.routing.pool, self.program.pool
        turns.routing.pool = pool
        if pool and turns.routing.pin not in {None, "strong", "weak", *pool.names}:
            turns.routing.pin = None
        turns.routing.share, turns.routing.threshold = settings.share, settings.threshold
        turns.routing.cache_aware = settings.cache_aware
        self.talk.pool_is_new |= pool != had
        self.talk.learn_routing()
        self.talk.post_message(Talk.Changed())
        if pool and not had:
            self.post_message(PoolChosen())
        if keep:
            program = self.program
            self.in_thread(lambda: program.change(msgspec.to_builtins(changes)))


def _named(text: str, names: Sequence[str]) -> str:
    """The one name that is the text, or that contains it.

    Raises:
        UsageError: none does, or several do.
    """
    found = [name for name in names if name == text] or [name for name in names if text in name]
    if len(found) != 1:
        listed = ", ".join(found or names)
        raise UsageError(
            f"{text!r} names {'several' if found else 'none'} of the models: {listed}.",
            hint="/model strong NAME and /model weak NAME change the ends.",
        )
    return found[0]
