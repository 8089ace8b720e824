from routing.routers.reader import batches

ROWS = [[1] * length for length in (3, 900, 1, 5, 120, 4, 130, 1)]


def test_each_row_is_in_one_batch_of_rows_as_long():
    found = list(batches(ROWS, 300))
    assert sorted(at for batch in found for at in batch) == list(range(len(ROWS)))
    lengths = [[len(ROWS[at]) for at in batch] for batch in found]
    assert lengths == [[1, 1, 3, 4, 5], [120, 130], [900]]


def test_no_rows_are_no_batch():
    assert list(batches([], 300)) == []
