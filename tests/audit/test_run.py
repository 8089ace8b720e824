from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from audit.battery import Plan, build
from audit.errors import AuditError, BudgetError, EndpointError
from audit.report import Report
from audit.run import Afresh, Progress, Run
from audit.scorers import Score, Spent
from audit.scorers.client import Terms
from audit.scorers.endpoint import EndpointScorer, connect
from audit.scorers.rules import RuleScorer, always, knows
from audit.store import ScoreStore
from audit.variants import Variant
from routing.conversation import Usage
from routing.models import Model
from tests.audit.servers import EndpointServer
from tests.audit.worlds import CountingScorer, world

BATTERY = build(world(24), Plan(battery="position"))


def finished(run: Run) -> list[Progress]:
    return list(run.events())


def a_cent_a_token(usage: Usage) -> float:
    return 0.01 * (usage.prompt_tokens + usage.completion_tokens)


async def no_sleep(seconds: float) -> None:
    """Do not wait."""


def scorer_at(server: EndpointServer, max_cost: float | None = None) -> EndpointScorer:
    terms = Terms(bill=a_cent_a_token, max_cost=max_cost, limit=2, retries=1, sleep=no_sleep)
    return connect(Model("tiny", api_base=server.url), terms)


def test_events_come_one_a_variant_and_end_at_the_total() -> None:
    run = Run(BATTERY, RuleScorer("C", always(2)), {})
    events = finished(run)
    assert [event.done for event in events] == list(range(1, len(BATTERY.variants) + 1))
    assert {event.total for event in events} == {len(BATTERY.variants)}
    assert [event.perturbation for event in events] == [v.perturbation for v in BATTERY.variants]


def test_running_numbers_agree_with_the_report() -> None:
    run = Run(BATTERY, RuleScorer("half", knows(0.5, 0, always(2))), {})
    tallies = finished(run)[-1].tallies.by_perturbation
    for effect in run.report("").results.effects:
        assert tallies[effect.perturbation].accuracy == pytest.approx(effect.accuracy)


def test_running_rstd_is_undefined_where_no_position_is_shown() -> None:
    run = Run(build(world(24), Plan(battery="scoring")), RuleScorer("C", always(2)), {})
    tallies = finished(run)[-1].tallies.by_perturbation
    assert tallies["symbol.0shot"].rstd == pytest.approx(43.3, abs=0.1)
    assert tallies["scoring.cloze"].rstd is None


def test_report_of_a_stopped_run_says_so_and_counts_what_there_is() -> None:
    scorer = CountingScorer(fail_after=50)
    run = Run(BATTERY, scorer, {})
    with pytest.raises(KeyboardInterrupt):
        finished(run)
    report = run.report("now")
    assert not report.is_whole
    assert (report.scored, report.planned) == (len(run.scores), len(BATTERY.variants))
    assert report.created == "now"


def test_nothing_scored_is_nothing_to_report() -> None:
    with pytest.raises(AuditError, match="Nothing was scored"):
        Run(BATTERY, CountingScorer(), {}).report("")


def test_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = CountingScorer(fail_after=70)
    with ScoreStore(tmp_path, first.identity) as store, pytest.raises(KeyboardInterrupt):
        finished(Run(BATTERY, first, store))
    second = CountingScorer()
    with ScoreStore(tmp_path, second.identity) as store:
        run = Run(BATTERY, second, store)
        assert len(run.missing) == len(Run(BATTERY, second, {}).missing) - 70
        finished(run)
        together = run.report("")
    whole = Run(BATTERY, CountingScorer(), {})
    finished(whole)
    assert len(first.asked) == 70
    assert together.results == whole.report("").results
    assert not {id(v) for v in first.asked} & {id(v) for v in second.asked}


def test_afresh_asks_again_and_keeps_the_new_score() -> None:
    kept = {}
    finished(Run(BATTERY, CountingScorer(), kept))
    again = CountingScorer()
    fresh = Afresh(kept)
    assert Run(BATTERY, again, fresh).missing
    finished(Run(BATTERY, again, fresh))
    assert len(again.asked) == len(kept) == len(fresh.own)


class Reading:
    """A scorer that reads ten tokens a Variant, in one second of its clock."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.inner = CountingScorer()
        self.identity = self.inner.identity
        self.spent = Spent()

    def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
        for score in self.inner.score(variants):
            self.seconds += 1
            self.spent = Spent(self.spent.tokens + 10, 0.0)
            yield score


def test_pace_is_that_of_what_was_not_kept() -> None:
    scorer = Reading()
    distinct = len(Run(BATTERY, scorer, {}).missing)
    run = Run(BATTERY, scorer, {}, clock=lambda: scorer.seconds)
    events = finished(run)
    told = [event.seconds_left for event in events]
    early = math.ceil(0.02 * len(told)) - 1
    assert told[:early] == [None] * early
    assert early >= 1
    assert told[early] is not None
    assert told[-1] == 0
    assert events[-1].tokens_per_second == pytest.approx(10, rel=0.1)
    assert run.report("").spending.tokens == 10 * distinct


def test_coverage_is_the_share_of_symbols_and_of_probability() -> None:
    class Half(CountingScorer):
        def score(self, variants: Sequence[Variant]) -> Iterator[Score]:
            for _ in variants:
                nats = (math.log(0.5), math.log(0.25), None, None)
                yield Score(loglik=nats, bound=math.log(0.01))

    run = Run(BATTERY, Half(), {})
    finished(run)
    coverage = run.report("").coverage
    assert coverage.symbols == pytest.approx(0.5)
    assert coverage.probability == pytest.approx(0.75)


def test_tokens_of_symbols_are_told_where_the_scorer_knows_them() -> None:
    run = Run(BATTERY, CountingScorer(), {})
    finished(run)
    assert run.report("").symbol_tokens == {"A": 1, "B": 1, "C": 1, "D": 1}


def test_endpoint_that_fails_in_the_middle_costs_no_score(tmp_path: Path) -> None:
    with EndpointServer() as server:
        scorer = scorer_at(server)
        server.last = len(server.requests) + 30
        with ScoreStore(tmp_path, scorer.identity) as store:
            with pytest.raises(EndpointError):
                finished(Run(BATTERY, scorer, store))
            kept = len(store)
        assert 25 <= kept <= 30
        server.last, before = None, len(server.requests)
        with ScoreStore(tmp_path, scorer.identity) as store:
            run = Run(BATTERY, scorer, store)
            missing = len(run.missing)
            finished(run)
        assert len(server.requests) - before == missing
        assert run.report("").is_whole


def test_run_whose_replies_name_no_option_keeps_them_and_goes_on_when_asked(tmp_path: Path) -> None:
    with EndpointServer(reply=lambda message: "It depends.") as server:
        scorer = scorer_at(server)
        with ScoreStore(tmp_path, scorer.identity) as store:
            with pytest.raises(EndpointError, match="named no option"):
                finished(Run(BATTERY, scorer, store))
            assert len(store) == 20
            server.reply = lambda message: "A"
            run = Run(BATTERY, scorer, store)
            finished(run)
        assert run.report("").unread == "'It depends.'"


def test_run_that_reaches_its_limit_keeps_and_reports_what_it_paid_for(tmp_path: Path) -> None:
    with EndpointServer() as server:
        free = scorer_at(server)
        each = free.estimate(BATTERY.variants).cost_usd / len(BATTERY.variants)
        limit = free.spent.cost_usd + 40 * each
        scorer = scorer_at(server, max_cost=limit)
        with ScoreStore(tmp_path, scorer.identity) as store:
            run = Run(BATTERY, scorer, store)
            with pytest.raises(BudgetError):
                finished(run)
            assert len(store) > 20
        report = run.report("")
        assert scorer.spent.cost_usd <= limit
        assert report.spending.cost_usd == scorer.spent.cost_usd
        assert not report.is_whole


def test_same_run_gives_the_same_report() -> None:
    def report() -> Report:
        run = Run(BATTERY, RuleScorer("half", knows(0.5, 0, always(2))), {}, clock=lambda: 0.0)
        finished(run)
        return run.report("")

    assert report() == report()


def test_notes_reach_the_report() -> None:
    run = Run(BATTERY, RuleScorer("C", always(2)), {}, notes=("echo: refused",))
    finished(run)
    assert run.report("").notes == ("echo: refused",)
