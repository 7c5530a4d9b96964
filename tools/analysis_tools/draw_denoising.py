"""Pictures of how a diffusion decoder makes the masks of a frame, and how sure it is of them.

python tools/analysis_tools/draw_denoising.py CONFIG CHECKPOINT VIDEO_OR_FRAMES --frame N --out DIR [--start 0]
    [--samples 4] [--steps 20] [--shown 6] [--device cpu] [--cfg-options k=v ...]

VIDEO_OR_FRAMES is a video file or a folder of images; the model sees the frames from --start on with the sampling steps
of the config, and frame N (counted from 0) with --steps. Written to DIR:

* <video>_<frame>_strip.png: the map that each estimate stands for, after some of the steps, before any post-processing;
* <video>_<frame>_samples.png: several samples of the masks, how far they agree, and the probability of the first one's
  codes;
* <video>_<frame>_past.png, where the frame has a past: the past masks that the model sees, its first and last estimate
  and the result of the whole model.

Colours are those of other pictures: things by track id, stuff by class, void is transparent.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import mmcv
import numpy as np
import torch
from denoising_sheets import columns_for, heat_map, panel_scale, sheet
from mmengine.config import DictAction
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from videoseg.apis import init_model
from videoseg.datasets import VideoFolderDataset
from videoseg.datasets.samplers import WindowIndex
from videoseg.models.decoders import DiffusionDecoder
from videoseg.models.postprocessors.map_postprocessor import to_original
from videoseg.models.segmentors.windows import stack_states, window_meta
from videoseg.structures import FrameMeta, VideoState
from videoseg.structures.ids import encode_ids
from videoseg.visualization import PanopticOverlay, panoptic_from_instances

SUFFIXES = ('.jpg', '.jpeg', '.png')


class Estimate(NamedTuple):
    """What an estimate stands for: class codes, identity codes and their probability, (1, h, w) each."""

    classes: Tensor
    ids: Tensor
    scores: Tensor


# ---------------------------------------------------------------- input


@contextmanager
def opened(source: Path, frame: int, model: nn.Module, metainfo: dict) -> Iterator[VideoFolderDataset]:
    """The video as a data set without labels, prepared by the test pipeline of the model's config."""
    loader = model.cfg.get('test_dataloader')
    if loader is None or 'pipeline' not in loader.dataset:
        raise SystemExit(f'{model.cfg.filename}: has no test_dataloader.dataset.pipeline to prepare frames with')
    names = tuple(metainfo['classes'])  # raw ids are of no use without labels, but data sets want some
    classes = dict(classes=names, num_things=metainfo['num_things'], raw_ids=tuple(range(len(names))))
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / 'frames'
        if source.is_dir():
            frames.mkdir()
            (frames / source.resolve().name).symlink_to(source.resolve(), target_is_directory=True)
        elif source.is_file():
            folder_of_video, reader = frames / source.stem, mmcv.VideoReader(str(source))
            folder_of_video.mkdir(parents=True)
            if len(reader) > 0:
                reader.cvt2frames(
                    str(folder_of_video), filename_tmpl='{:06d}.png', max_num=frame + 1, show_progress=False
                )
        else:
            raise SystemExit(f'{source}: there is no such video or folder of frames')
        try:
            data = VideoFolderDataset(
                folder,
                ann_file=None,
                img_suffixes=SUFFIXES,
                metainfo=classes,
                pipeline=loader.dataset.pipeline,
                test_mode=True,
            )
            count = data.video_length(0)
        except FileNotFoundError as error:
            raise SystemExit(f'{source}: holds no frames ({", ".join(SUFFIXES)}), or is no video') from error
        if frame >= count:
            raise SystemExit(f'{source}: there is no frame {frame}, frames are 0 to {count - 1}')
        yield data


def metainfo_of(model: nn.Module) -> dict[str, Any]:
    """Classes and colours of the checkpoint, or numbers where it knows none."""
    if model.dataset_meta and 'classes' in model.dataset_meta:
        return dict(model.dataset_meta)
    count = model.decoder.num_things + model.decoder.num_stuff
    return dict(classes=tuple(f'class {label}' for label in range(count)), num_things=model.decoder.num_things)


# ---------------------------------------------------------------- the model


@contextmanager
def watched(decoder: DiffusionDecoder) -> Iterator[list[Estimate]]:
    """A list that the estimates of all sampling steps go to."""
    seen: list[Estimate] = []
    loss = decoder.loss_bits

    def see(step: int, result: Any) -> None:
        seen.append(Estimate(*decoder.codes.decode(result, loss.kind, decoder.denoiser.head, loss.chunk)))

    decoder.sampler.observer = see
    try:
        yield seen
    finally:
        decoder.sampler.observer = None


class Frame:
    """One frame in all ways that are drawn; the model has seen those before it.

    Args:
        model: With a :class:`DiffusionDecoder`.
        data: The video.
        start: The first frame that the model sees.
        frame: The frame to draw.
        steps: Sampling steps of this frame.
        samples: Samples of its masks, at least 2.

    Attributes:
        meta: Describes the frame.
        images: (H, W, 3) uint8 BGR, of the past frames that the model sees and of this one.
        past: Panoptic ids (H, W) of the masks of the past frames.
        estimates: Panoptic ids (H, W) after every step of the first sample.
        samples: Panoptic ids (H, W) of all samples.
        agreement: (H, W) in [0, 1], how far the samples agree with the first one.
        probability: (H, W) in [0, 1], of the first sample's codes.
        result: Panoptic ids (H, W) that the whole model gives, post-processed.
    """

    def __init__(
        self, model: nn.Module, data: VideoFolderDataset, start: int, frame: int, steps: int, samples: int
    ) -> None:
        self._decoder = decoder = model.decoder
        before = self._run_up(model, data, start, frame)
        decoder.steps_first = decoder.steps_later = steps
        inputs, sample = self._load(model, data, frame)
        before = before or model.init_state(FrameMeta.of_window(sample))
        self.meta = window_meta(sample, range(1), before)
        decoder.num_samples = 1
        with watched(decoder) as seen:
            (shown,), after = model.step(inputs, sample, before)
        decoder.num_samples = samples
        with torch.no_grad():
            state = stack_states([before.decoder])
            prediction, _ = decoder.decode(model.extract_feat(inputs[None]), state, [self.meta])
        self._table = {name: after.decoder[name][None] for name in decoder.allocator.init_state()}
        seen_frames = range(max(start, frame - decoder.num_past), frame + 1)
        self.images = [cv2.imread(data.get_video(0)['img_paths'][t]) for t in seen_frames]
        self.past = self._past(before, len(seen_frames) - 1)
        self.estimates = [self._panoptic(x.classes, x.ids) for x in reversed(seen)][::-1]  # the last one names tracks
        labels, ids = (layer[0, :, 0] for layer in prediction.layers)
        pairs = zip(decoder.codes.classes(labels), ids, strict=True)
        self.samples = [self._panoptic(classes[None], own[None]) for classes, own in pairs]
        self.agreement, self.probability = self._scores(prediction.scores[0]), self._scores(seen[-1].scores)
        has_map = 'pred_panoptic_seg' in shown
        self.result = (
            shown.pred_panoptic_seg.panoptic_seg[0].cpu().numpy() if has_map else panoptic_from_instances(shown)
        )

    @staticmethod
    def _load(model: nn.Module, data: VideoFolderDataset, frame: int) -> tuple[Tensor, Any]:
        batch = model.data_preprocessor(pseudo_collate([data[WindowIndex(0, frame, frame + 1, 0)]]), False)
        return batch['inputs'][0], batch['data_samples'][0]

    def _run_up(self, model: nn.Module, data: VideoFolderDataset, start: int, frame: int) -> VideoState | None:
        state = None
        for t in range(start, frame):
            inputs, sample = self._load(model, data, t)
            state = state or model.init_state(FrameMeta.of_window(sample))
            _, state = model.step(inputs, sample, state)
        return state

    def _panoptic(self, classes: Tensor, ids: Tensor) -> np.ndarray:
        """Panoptic ids at the original size of codes (1, h, w); a code keeps its track id from one call to the next."""
        decoder = self._decoder
        tracks, self._table = decoder.allocator.allocate(ids, self.meta.frame_ids, self._table)
        return to_original(encode_ids(decoder.codes.labels(classes, ids).long(), tracks), self.meta)[0].cpu().numpy()

    def _past(self, state: VideoState, count: int) -> list[np.ndarray]:
        if not count:
            return []
        pairs = zip(state.decoder['past_classes'][-count:], state.decoder['past_ids'][-count:], strict=True)
        return [self._panoptic(classes[None], ids[None]) for classes, ids in pairs]

    def _scores(self, scores: Tensor) -> np.ndarray:
        return to_original(scores, self.meta)[0].float().clamp(0, 1).cpu().numpy()


# ---------------------------------------------------------------- output


def shown_steps(steps: int, count: int) -> list[int]:
    """At most ``count`` of the steps, the first and the last among them, denser at the start, where more happens."""
    return sorted(set(np.rint(np.geomspace(1, steps, max(count, 2))).astype(int).tolist()))


def draw(frame: Frame, metainfo: dict, shown: int) -> dict[str, np.ndarray]:
    """The sheets by name."""
    image, shape = frame.images[-1], frame.images[-1].shape[:2]
    scale, columns = panel_scale(shape), columns_for(shape)
    plain = PanopticOverlay.from_meta(metainfo, scale=scale, labels=False)
    named = PanopticOverlay.from_meta(metainfo, scale=scale, font_size=14)
    where = f'{frame.meta.video_id}, frame {frame.meta.frame_ids[0]}'
    steps, total = shown_steps(len(frame.estimates), shown), len(frame.estimates)
    images = plain.plain(image)

    panels = [images, *(plain(image, frame.estimates[step - 1]) for step in steps), named(image, frame.result)]
    captions = ['image', *(f'estimate after step {step} of {total}' for step in steps), 'result, post-processed']
    sheets = dict(strip=sheet(f'Denoising: {where}', panels, captions, columns))

    panels = [*(plain(image, ids) for ids in frame.samples), images, named(image, frame.result)]
    captions = [*(f'sample {number}' for number in range(1, len(frame.samples) + 1)), 'image', 'result, post-processed']
    for name, values in (('agreement', frame.agreement), ('probability', frame.probability)):
        panels.append(heat_map(values, scale))
        captions.append(f'{name}, mean {values.mean():.2f}')
    sheets['samples'] = sheet(f'Samples and uncertainty: {where}', panels, captions, columns, with_legend=True)

    if frame.past:
        pairs = zip(frame.images, frame.past, strict=False)
        panels = [*(plain(past, ids) for past, ids in pairs), images]
        panels += [plain(image, frame.estimates[0]), plain(image, frame.estimates[-1]), named(image, frame.result)]
        captions = [f'past masks, frame {frame.meta.frame_ids[0] - t}' for t in range(len(frame.past), 0, -1)]
        captions += ['image', f'estimate after step 1 of {total}', f'after step {total}', 'result, post-processed']
        sheets['past'] = sheet(f'Conditioned on past masks: {where}', panels, captions, columns)
    return sheets


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read and check the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('checkpoint')
    parser.add_argument('source', metavar='VIDEO_OR_FRAMES', type=Path, help='video file or folder of images')
    parser.add_argument('--frame', type=int, required=True, help='the frame to draw, counted from 0')
    parser.add_argument('--out', type=Path, required=True, help='folder of the pictures')
    parser.add_argument('--start', type=int, default=0, help='first frame that the model sees')
    parser.add_argument('--samples', type=int, default=4, help='samples beside each other')
    parser.add_argument('--steps', type=int, default=20, help='sampling steps of the frame')
    parser.add_argument('--shown', type=int, default=6, help='steps on the strip')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, dotted.key=value')
    args = parser.parse_args(argv)
    if not 0 <= args.start <= args.frame:
        parser.error(f'--start {args.start} and --frame {args.frame}: must be 0 or more, and start not after frame')
    for name, least in (('samples', 2), ('steps', 1), ('shown', 2)):
        if getattr(args, name) < least:
            parser.error(f'--{name} {getattr(args, name)}: must be at least {least}')
    return args


def main(argv: Sequence[str] | None = None) -> list[Path]:
    """Draw and write; returns the files."""
    args = parse_args(argv)
    model = init_model(args.config, args.checkpoint, args.device, args.cfg_options)
    decoder = getattr(model, 'decoder', model)
    if not isinstance(decoder, DiffusionDecoder):
        raise SystemExit(
            f'{args.config}: its decoder is {type(decoder).__name__}, only that of a DiffusionDecoder can be drawn'
        )
    metainfo = metainfo_of(model)
    with opened(args.source, args.frame, model, metainfo) as data:
        frame = Frame(model, data, args.start, args.frame, args.steps, args.samples)
    args.out.mkdir(parents=True, exist_ok=True)
    written = []
    for name, picture in draw(frame, metainfo, args.shown).items():
        path = args.out / f'{Path(frame.meta.video_id).name}_{args.frame:06d}_{name}.png'
        if not cv2.imwrite(str(path), picture):
            raise SystemExit(f'{path}: the picture cannot be written')
        print(path)
        written.append(path)
    return written


if __name__ == '__main__':
    main()
