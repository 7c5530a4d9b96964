import pytest

from tests.test_evaluation.layouts import clips, write_kitti_step
from videoseg.evaluation.benchmarks import FORMATS, get_benchmark
from videoseg.evaluation.benchmarks.base_benchmark import BaseBenchmark
from videoseg.evaluation.benchmarks.frame_errors import check_same_names, frame_errors
from videoseg.evaluation.benchmarks.kitti_step_benchmark import KittiStepBenchmark


@pytest.fixture
def step(tmp_path):
    write_kitti_step(tmp_path, clips(2))
    return lambda **kwargs: KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'pred', **kwargs)


@pytest.mark.parametrize('name', FORMATS)
def test_every_format_has_its_benchmark(name):
    kind = get_benchmark(name)
    assert issubclass(kind, BaseBenchmark) and kind.__name__ == FORMATS[name]
    assert kind.default_metrics and set(kind.default_metrics) <= set(kind.available)
    with pytest.raises(ValueError, match="format 'mots' is unknown; there are kitti_step, "):
        get_benchmark('mots')


def test_options_are_read_as_the_type_of_their_default(step):
    benchmark = step(options={'last_crowd_only': 'true', 'min_overlap': '0.6', 'void_raw_id': '254'})
    assert benchmark.options['last_crowd_only'] is True
    assert benchmark.options['min_overlap'] == 0.6 and benchmark.options['void_raw_id'] == 254
    assert benchmark.options['void_pixels'] == 'keep'
    assert step(options={'min_overlap': 1 / 2}).options['min_overlap'] == 0.5


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'void': 1}, "has no option 'void'; it has void_pixels, rules"),
        ({'min_overlap': 'half'}, "option min_overlap is 'half', expected a value of type float"),
        ({'last_crowd_only': 'maybe'}, "option last_crowd_only is 'maybe', expected a value of type bool"),
        ({'last_crowd_only': 1}, 'option last_crowd_only is 1, expected a value of type bool'),
        ({'void_pixels': 'burn'}, "void_pixels is 'burn'"),
        ({'min_overlap': 0.2}, 'min_overlap is 0.2'),
    ],
)
def test_wrong_options_are_refused(step, options, message):
    with pytest.raises(ValueError, match=message):
        step(options=options).build_statistics()


def test_wrong_metrics_are_refused(step):
    with pytest.raises(ValueError, match=r"KittiStepBenchmark has no metrics \['ap'\]; it has stq, vpq"):
        step(metrics=['stq', 'ap'])
    with pytest.raises(ValueError, match='expected distinct ones'):
        step(metrics=['stq', 'stq'])
    with pytest.raises(ValueError, match=r"none of the metrics \['stq'\] has windows"):
        step(metrics=['stq'], windows=[1])


@pytest.mark.parametrize(('name', 'metric'), [('youtube_vis', 'ap'), ('ovis', 'ap'), ('davis', 'jf'), ('vspw', 'vss')])
def test_windows_of_metrics_without_any_are_refused(tmp_path, name, metric):
    with pytest.raises(ValueError, match=rf"none of the metrics \['{metric}'\] has windows"):
        get_benchmark(name)(tmp_path, tmp_path, [metric], windows=[2])


@pytest.mark.parametrize('value', [-1, 256])
def test_void_class_beyond_the_codec_is_refused(step, value):
    with pytest.raises(ValueError, match=rf'void_raw_id is {value}, expected a class id in \[0, 255\]'):
        step(options={'void_raw_id': value})


def test_missing_paths_are_named(tmp_path):
    (tmp_path / 'gt').mkdir()
    with pytest.raises(FileNotFoundError, match='gone: predictions missing'):
        KittiStepBenchmark(tmp_path / 'gt', tmp_path / 'gone')
    with pytest.raises(FileNotFoundError, match='gone: ground truth missing'):
        KittiStepBenchmark(tmp_path / 'gone', tmp_path / 'gt')


def test_protocol_names_no_machine_paths(step, tmp_path):
    protocol = step(metrics=['vpq'], windows=[3]).protocol
    assert protocol['format'] == 'kitti_step' and (protocol['gt'], protocol['pred']) == ('gt', 'pred')
    assert protocol['options']['rules'] == 'json' and protocol['classes'][:2] == ['person', 'car']
    assert str(tmp_path) not in str(protocol)


def test_frame_errors_name_the_frame():
    with pytest.raises(FileNotFoundError, match="^video 'a', frame '1': gone$"), frame_errors('a', '1'):
        raise FileNotFoundError('gone')
    with pytest.raises(ValueError, match="^x: video 'a', frame '1': gone$"), frame_errors('a', '1'):
        raise ValueError("x: video 'a', frame '1': gone")
    with pytest.raises(ValueError, match="^video 'a', frame '1': kind$"), frame_errors('a', '1'):
        raise TypeError('kind')


def test_check_same_names():
    check_same_names(['a', 'b'], ['b', 'a'], 'video')
    with pytest.raises(ValueError, match=r"video 'b' is missing in the prediction \(2 of 3 are\)"):
        check_same_names(['a', 'b', 'c'], ['a', 'd'], 'video')
    with pytest.raises(ValueError, match=r"video 'd' of the prediction is not in the ground truth \(1 are not\)"):
        check_same_names(['a'], ['a', 'd'], 'video')
