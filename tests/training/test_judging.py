from dataclasses import replace

from tiny_project import end_of, make_model, make_project

from napari_wsol.training.judging import judge
from napari_wsol.training.looking import look_at


def test_items_are_judged_by_what_they_speak_of(tmp_path):
    model = make_model()
    with make_project(tmp_path, fields=True) as project:
        items = list(project.items.values())[:3]
    lost = replace(items[0], key='i99', image=tmp_path / 'lost.png')
    found = end_of(judge([*items, lost], model))
    assert [each.key for each in found] == [item.key for item in items]
    for item, each in zip(items, found, strict=True):
        look = look_at(model, item.image, item.mpp, item.field)
        assert each.probability == max(look.probabilities)
        assert each.predicted in model.card.classes
        assert each.entropy == look.entropy
