import numpy as np
import pytest
from PIL import Image

from tests.test_evaluation.clips import recorded
from tests.test_evaluation.layouts import save, write_city_dvpq
from videoseg.evaluation.benchmarks.dvps_benchmark import DVPSBenchmark
from videoseg.evaluation.benchmarks.evaluate import evaluate
from videoseg.evaluation.functional import DepthQuality, dstq


@pytest.fixture
def args(tmp_path):
    write_city_dvpq(tmp_path)
    return tmp_path / 'gt', tmp_path / 'pred'


def test_parity_from_files(args):
    _, expected, params, tolerance = recorded('city_dvpq')
    result = evaluate(DVPSBenchmark(*args, ['dvpq', 'vpq']))
    metrics = result['metrics']
    assert metrics['dvpq/DVPQ'] == pytest.approx(expected['final']['dvpq_mean_seen'], abs=tolerance)
    for size in params['windows']:
        for threshold in params['lambdas']:
            theirs = expected['by_window'][f'k{size}_lambda{threshold}']['mean_seen']
            assert metrics[f'dvpq/DVPQ_{size}@{threshold}'] == pytest.approx(theirs, abs=tolerance)
        assert metrics[f'vpq/VPQ_{size}'] == metrics[f'dvpq/DVPQ_{size}@inf']
    assert result['num_videos'] == params['sequences']


def test_depth_metrics(args):
    arrays, _, params, _ = recorded('city_dvpq')
    result = evaluate(DVPSBenchmark(*args, ['dq', 'dstq', 'depth', 'stq']))
    statistics = DepthQuality()
    for video in range(params['sequences']):
        for t, gt in enumerate(arrays[f'depth_gt_{video}']):
            statistics.update(f'{video:06d}', t, gt, arrays[f'depth_pred_{video}'][t])
    depth = statistics.compute()
    metrics = result['metrics']
    assert [metrics['dq/DQ'], metrics['dq/DQ@1.25']] == [depth['DQ'], depth['DQ@1.25']]
    stq = {'STQ': metrics['stq/STQ'], 'per_video': {}, 'protocol': {}}
    expected = dstq(stq, {**depth, 'per_video': {}})
    assert {k: v for k, v in metrics.items() if k.startswith('dstq/')} == {
        f'dstq/{name}': expected[name] for name in ('DSTQ', 'DSTQ@1.25', 'DSTQ@1.1')
    }
    row = result['per_video']['000000']
    assert row['dstq/DSTQ'] == pytest.approx((row['stq/STQ'] ** 2 * row['dq/DQ']) ** (1 / 3))
    assert 0 < metrics['depth/abs_rel'] < 1


def test_only_what_was_asked_for_is_reported(args):
    result = evaluate(DVPSBenchmark(*args, ['dstq']))
    assert list(result['metrics']) == ['dstq/DSTQ', 'dstq/DSTQ@1.25', 'dstq/DSTQ@1.1']
    assert list(result['protocol']['metrics']) == ['dstq']


def test_depth_is_read_only_if_needed(args):
    expected = evaluate(DVPSBenchmark(*args, ['vpq']))
    for path in (args[1] / 'depth').iterdir():
        path.unlink()
    assert evaluate(DVPSBenchmark(*args, ['vpq'])) == expected
    with pytest.raises(ValueError, match="predicted depth: video '000000' is missing"):
        DVPSBenchmark(*args, ['dq'])


def test_thresholds_and_windows(args):
    result = evaluate(DVPSBenchmark(*args, ['dvpq'], [2], {'depth_thresholds': '0.3'}))
    assert list(result['metrics'])[3:] == ['dvpq/DVPQ@0.3', 'dvpq/DVPQ@inf', 'dvpq/DVPQ_2@0.3', 'dvpq/DVPQ_2@inf']
    with pytest.raises(ValueError, match="depth_thresholds is 'x', expected numbers with commas"):
        DVPSBenchmark(*args, options={'depth_thresholds': 'x'})


def test_wrong_files_are_named(args):
    stem = '000000_000002_city_000000_000002'
    path = args[1] / 'depth' / f'{stem}_depth.png'
    with Image.open(path) as image:
        depth = np.array(image)
    save(path, (depth // 256).astype(np.uint8))
    with pytest.raises(
        ValueError, match=f"video '000000', frame '{stem}': .*_depth.png: image mode is L, expected I;16"
    ):
        evaluate(DVPSBenchmark(*args))
    save(path, depth[:-1])
    with pytest.raises(ValueError, match=rf"frame '{stem}': .*_depth.png: size \(H, W\) is \(35, 72\)"):
        evaluate(DVPSBenchmark(*args))
    path.unlink()
    with pytest.raises(ValueError, match=f"predicted depth: video '000000', frame '{stem}' is missing"):
        DVPSBenchmark(*args)
