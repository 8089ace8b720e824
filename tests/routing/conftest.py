import pytest

from routing.index import BattleIndex
from tests.routing.fakes import hash_index, random_battles


@pytest.fixture(params=["flat", "hnsw", "ivf"])
def index(request: pytest.FixtureRequest) -> BattleIndex:
    return hash_index(random_battles(400, 4), request.param)
