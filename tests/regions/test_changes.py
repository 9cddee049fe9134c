"""What a retrained model made of reviewed regions."""

import numpy as np
from region_cases import regions_of

from napari_wsol.regions.changes import changes
from napari_wsol.regions.decisions import decide


def marks(*squares):
    probability = np.zeros((20, 60))
    for y, x in squares:
        probability[y : y + 6, x : x + 6] = 0.9
    return regions_of(probability, 0.5)


def test_gone_remaining_found_lost_and_new_are_told_apart():
    before = marks((2, 2), (2, 12), (2, 22), (2, 32))
    after = marks((2, 2), (2, 23), (12, 50), (10, 40))
    polygon = before[1].polygon
    missed = marks((12, 50), (12, 2))[1].polygon
    decisions = [
        decide('rejected', polygon(1), reason='fold'),
        decide('rejected', polygon(2), reason='fold'),
        decide('accepted', polygon(3)),
        decide('accepted', polygon(4)),
        decide('missed', missed(1)),
        decide('missed', missed(2)),
    ]
    found = changes(decisions, before, after)
    assert found.gone == (decisions[1],)
    assert found.remaining == (decisions[0],)
    assert found.lost == (decisions[3],)
    assert found.found == (decisions[5],)
    assert found.still_missed == (decisions[4],)
    assert len(found.new) == 2
    assert found.sentence == (
        '1 of 2 rejected regions are gone, 1 of 2 missed ones are found, 1 '
        'accepted ones are lost, 2 are new.'
    )


def test_nothing_before_or_after_is_no_trouble():
    none, some = marks(), marks((2, 2))
    assert len(changes([], none, some).new) == 1
    assert len(changes([], some, none).new) == 0
