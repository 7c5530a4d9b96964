"""Tables of names: what is moved, dropped, unknown or claimed twice."""

import pytest

from videoseg.utils.key_table import Rule, UnknownKeysError, convert

LINEAR = (Rule(r'(weight|bias)', r'\1'),)
TABLE = (
    Rule(r'head\.\d+\.old\.', drop='never trained', then=LINEAR),
    Rule(r'head\.(\d+)\.', r'heads.\1.', then=(Rule(r'fc\.', 'linear.', then=LINEAR), *LINEAR)),
    Rule(r'head\.extra', 'extra'),
    Rule(r'aux\..*', drop='training only'),
    Rule(r'twice', 'extra'),
    Rule(r'doubled', 'scaled', transform=lambda x: 2 * x),
)


def test_names_values_and_reasons():
    source = {'module.head.0.fc.weight': 1, 'head.12.bias': 2, 'head.extra': 3, 'aux.a': 4, 'doubled': 5}
    source['head.1.old.bias'] = 6
    out = convert(source, TABLE)
    assert out.state_dict == {'heads.0.linear.weight': 1, 'heads.12.bias': 2, 'extra': 3, 'scaled': 10}
    assert out.moved['module.head.0.fc.weight'] == 'heads.0.linear.weight'
    assert out.dropped == {'aux.a': 'training only', 'head.1.old.bias': 'never trained'}


@pytest.mark.parametrize(
    'name', ['head.0.fc.gamma', 'head.0.old.gamma', 'head.0.fc.weight.more', 'head.x.fc.weight', 'xhead.extra', 'hea']
)
def test_unknown_names_are_errors(name):
    with pytest.raises(UnknownKeysError, match='a.pth: 2 of 3 parameters are in no rule') as error:
        convert({'head.extra': 0, name: 1, 'other': 2}, TABLE, 'a.pth')
    assert f'    {name}\n    other\n' in str(error.value)


def test_two_for_one_place_is_an_error():
    with pytest.raises(UnknownKeysError, match='head.extra and twice both become extra'):
        convert({'head.extra': 0, 'twice': 1}, TABLE)


def test_summary_counts_modules_and_names_leftovers():
    source = {'head.0.fc.weight': 1, 'head.0.fc.bias': 1, 'head.1.fc.bias': 2, 'aux.a': 4, 'aux.b': 4}
    lines = convert(source, TABLE).summary().splitlines()
    assert [line.split() for line in lines[1:3]] == [['2', 'head.0', 'heads.0'], ['1', 'head.1', 'heads.1']]
    assert lines[3:] == ['left out, training only (2):', '    aux.a', '    aux.b']
