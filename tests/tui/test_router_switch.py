"""`/router NAME` in the chat."""

from routing.errors import RouterError
from tests.tui.conftest import Chat, ready, wait_until
from tests.tui.fakes import FakeEngine
from tui.settings import load

SIZE = (110, 34)


def told(app: object) -> list[str]:
    return [notice.message for notice in app._notifications]


async def test_router_is_switched_kept_and_told(chat: Chat):
    engine = FakeEngine()
    app = chat(engine, threshold=0.7)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.carry_out("/router factorization")
        await wait_until(pilot, lambda: app.chat.program.settings.router == "factorization")
        now = "factorization router decides from now on. Your own"
        await wait_until(pilot, lambda: any(now in line for line in told(app)))
        assert engine.router == "factorization"
        assert app.chat.talk.turns.routing.threshold is None
        file = app.chat.program.paths.settings
        await wait_until(pilot, file.exists)
        assert load(file, {}, {}).settings.router == "factorization"


async def test_untrained_router_is_refused_and_the_former_one_goes_on(chat: Chat):
    engine = FakeEngine()
    engine.refusal = RouterError(
        "the bert router is not trained", hint="llmroute router train bert"
    )
    app = chat(engine)
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.carry_out("/router bert")
        await wait_until(pilot, lambda: any("llmroute router train bert" in t for t in told(app)))
        assert app.chat.program.settings.router == "ridge"
        assert app.chat.talk.warm


async def test_router_alone_lists_and_unknown_ones_are_refused(chat: Chat):
    app = chat(FakeEngine())
    async with app.run_test(size=SIZE) as pilot:
        await ready(pilot)
        app.chat.carry_out("/router")
        known = "ridge decides. There are: chance, similarity"
        await wait_until(pilot, lambda: any(known in line for line in told(app)))
        app.chat.carry_out("/router magic")
        await wait_until(pilot, lambda: any("No router is named magic." in t for t in told(app)))
