import json
import zipfile

import numpy as np
import pytest

from tests.test_evaluation.clips import disturb
from tests.test_evaluation.test_metrics.runs import META, METRICS, VIDEOS, evaluator, frame_results, process
from videoseg.evaluation.formats import KittiStep, read_vipseg
from videoseg.evaluation.formats.davis import read_davis
from videoseg.evaluation.formats.id_png import read_id_png
from videoseg.evaluation.formats.vspw import read_vspw_pred
from videoseg.evaluation.metrics.submissions import SUBMISSIONS
from videoseg.registry import METRICS as REGISTRY
from videoseg.structures.ids import DIVISOR
from videoseg.structures.rle import decode_masks


def write(folder, format_, *videos, **kwargs):
    """Write whole videos without ground truth beside two metrics."""
    run = evaluator([*METRICS, {'type': 'PredictionWriter', 'format': format_, 'out_dir': str(folder), **kwargs}])
    assert process(run, *videos, gt=False).evaluate(0) == {}
    return sorted(x.relative_to(folder).as_posix() for x in folder.rglob('*') if x.is_file())


def test_without_ground_truth_the_submission_is_written_and_no_number_is_made_up(tmp_path, log):
    files = write(tmp_path, 'kitti_step', 'a', 'b')
    assert files == sorted(f'{v}/{v}_{100 + t:06d}.png' for v in 'ab' for t in range(len(VIDEOS[v])))
    ids = KittiStep(META['raw_ids']).read(tmp_path / 'b' / 'b_000102.png')
    np.testing.assert_array_equal(ids, disturb(VIDEOS['b'], 0)[2])
    assert f'predictions of 2 videos in kitti_step format are in {tmp_path}' in log.text
    assert 'STQMetric: no score: none of the 11 frames has ground truth' in log.text


def test_vipseg(tmp_path):
    write(tmp_path, 'vipseg', 'a', 'b')
    videos = read_vipseg(tmp_path / 'pred.json', labels={raw: label for label, raw in enumerate(META['raw_ids'])})
    assert {name: len(frames) for name, frames in videos.items()} == {'a': 7, 'b': 4}
    pred = disturb(VIDEOS['a'], 0)
    map_ = read_id_png(tmp_path / 'pan_pred' / 'a' / 'a_000103.png')
    entries = json.loads((tmp_path / 'pred.json').read_text())['annotations'][0]['annotations'][3]
    assert entries['image_id'] == 'a_000103'
    for segment in entries['segments_info']:
        own = pred[3][map_ == segment['id']]
        assert len(np.unique(own)) == 1 and META['raw_ids'][own[0] // DIVISOR] == segment['category_id']


def test_youtube_vis(tmp_path):
    assert write(tmp_path, 'youtube_vis', 'a', 'c', max_per_video=3) == ['results.json', 'results.zip']
    results = json.loads((tmp_path / 'results.json').read_text())
    assert json.loads(zipfile.ZipFile(tmp_path / 'results.zip').read('results.json')) == results
    assert [x['video_id'] for x in results] == ['a'] * 3 + ['c'] * 3
    for video_id in 'ac':
        scores = [x['score'] for x in results if x['video_id'] == video_id]
        assert scores == sorted(scores, reverse=True)
    best, pred = results[0], disturb(VIDEOS['a'], 0)
    found = np.stack([decode_masks([x], pred.shape[1:])[0] if x else 0 * pred[0] for x in best['segmentations']])
    (number,) = np.unique(pred[found.astype(bool)] % DIVISOR)
    assert number > 0 and best['category_id'] in META['raw_ids'][:2]
    np.testing.assert_array_equal(found, pred % DIVISOR == number)


def test_maps_without_identities_and_without_classes(tmp_path):
    write(tmp_path / 'vspw', 'vspw', 'b')
    write(tmp_path / 'davis', 'davis', 'b')
    pred = disturb(VIDEOS['b'], 0)
    labels = read_vspw_pred(tmp_path / 'vspw' / 'b' / 'b_000101.png')
    np.testing.assert_array_equal(labels, np.array(META['raw_ids'])[pred[1] // DIVISOR])
    np.testing.assert_array_equal(read_davis(tmp_path / 'davis' / 'b' / 'b_000101.png'), pred[1] % DIVISOR)


def test_void_is_refused_where_the_format_has_none(tmp_path):
    (sample,) = frame_results('b', stop=1)
    sample.pred_panoptic_seg.panoptic_seg[0, 0, :5] = 255 * DIVISOR
    for allow in (False, True):
        writer = {'type': 'PredictionWriter', 'format': 'vspw', 'out_dir': str(tmp_path), 'allow_void': allow}
        run = evaluator([writer])
        if allow:
            run.process([sample])
        else:
            with pytest.raises(ValueError, match=r"video 'b', frame 'b_000100': 5 pixels have no class"):
                run.process([sample])
    assert (read_vspw_pred(tmp_path / 'b' / 'b_000100.png', allow_void=True)[0, :5] == 255).all()


def test_unlabelled_frames_are_not_part_of_a_cityscapes_submission(tmp_path):
    run = evaluator([{'type': 'PredictionWriter', 'format': 'cityscapes_vps', 'out_dir': str(tmp_path)}])
    for t, sample in enumerate(frame_results('a', gt=False)):
        sample.set_metainfo({'labelled': t % 3 == 2, 'image_id': f'id{t}'})
        run.process([sample])
    run.evaluate(7)
    assert sorted(x.name for x in (tmp_path / 'pan_pred').iterdir()) == ['id2.png', 'id5.png']
    entries = json.loads((tmp_path / 'pred.json').read_text())['annotations']
    assert [x['image_id'] for x in entries] == ['id2', 'id5']


def test_one_folder_for_all_videos_needs_names_that_occur_once(tmp_path):
    run = evaluator([{'type': 'PredictionWriter', 'format': 'coco_panoptic', 'out_dir': str(tmp_path)}])
    for video_id in 'ab':
        (sample,) = frame_results(video_id, stop=1)
        sample.set_metainfo({'img_path': f'{video_id}/000000.png'})
        if video_id == 'a':
            run.process([sample])
    with pytest.raises(ValueError, match="video 'b', frame 0: image '000000' was written for video 'a'"):
        run.process([sample])
    assert not (tmp_path / 'pred.json').exists()


@pytest.mark.parametrize('format_', ['vipseg', 'youtube_vis'])
def test_failed_run_leaves_no_json(tmp_path, format_):
    run = evaluator([{'type': 'PredictionWriter', 'format': format_, 'out_dir': str(tmp_path)}])
    samples = list(frame_results('a'))
    samples[3].pred_panoptic_seg.panoptic_seg[:] = 9 * DIVISOR if format_ == 'vipseg' else -1
    if format_ == 'vipseg':
        with pytest.raises(ValueError, match="video 'a', frame 'a_000103': panoptic id"):
            for sample in samples:
                run.process([sample])
    else:
        run.process(samples[:3])
        with pytest.raises(ValueError, match=r"videos \['a'\] have frames but no tracks"):
            run.evaluate(3)
    assert not list(tmp_path.rglob('*.json')) and not list(tmp_path.rglob('*.zip'))


def test_writes_nothing_unless_told_where():
    run = process(evaluator([{'type': 'PredictionWriter', 'format': 'vipseg'}]), 'b')
    assert run.evaluate(4) == {}


def test_errors(tmp_path):
    with pytest.raises(ValueError, match="format 'vip' is unknown; there are kitti_step, "):
        REGISTRY.build({'type': 'PredictionWriter', 'format': 'vip'})
    assert set(SUBMISSIONS) == {
        *('kitti_step', 'cityscapes_vps', 'vipseg', 'coco_panoptic', 'youtube_vis', 'ovis', 'vspw', 'davis')
    }
    writer = {'type': 'PredictionWriter', 'format': 'kitti_step', 'out_dir': str(tmp_path)}
    with pytest.raises(KeyError, match="the dataset's metainfo has no 'raw_ids', which this format needs"):
        process(evaluator([writer], {k: v for k, v in META.items() if k != 'raw_ids'}), 'b')
    (sample,) = frame_results('b', stop=1)
    del sample.pred_panoptic_seg
    with pytest.raises(KeyError, match="video 'b', frame 0: no 'pred_panoptic_seg'; KittiStepSubmission needs"):
        evaluator([writer]).process([sample])
