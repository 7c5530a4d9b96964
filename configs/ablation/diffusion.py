"""The diffusion decoder beside Video K-Net: quality, steps, corrupted past masks, and what they cost.

Not a model: rows of trainings for tools/analysis_tools/run_ablation.py. Test-only rows take the weights of a row above.

The same in both: EfficientNet-Lite0 with its first two stages frozen and its FPN (64 channels on the synthetic videos,
96 on CamVid), images and their augmentation, frames learnt an iteration (4), AdamW with its rates, the number of
iterations, and the evaluators. What differs, since it belongs to the methods:

* Clips: Video K-Net learns both frames of 2 pairs at most 2 frames apart; diffusion the latest frame of 4 clips, given
  the true masks of the two before it, whose images it does not see.
* All but the backbone learns at twice the rate in diffusion, its last convolution at 20 times: identities need it
  (docs/diffusion.md).
* After the FPN: SemanticFPN and kernels on features of stride 8, whose masks are enlarged bilinearly; or PyramidMerge
  and a U-Net on codes of stride 4, enlarged by nearest neighbour.
* Diffusion is tested with averaged weights (EMA), as published; Video K-Net with the last ones.
* CamVid: Video K-Net has an image stage (1100 iterations of 4 images, ``start``) and 500 iterations of 2 pairs at half
  the rate; diffusion has 1600 iterations of 4 clips in one piece.
* KITTI-STEP: each as published, so data, schedule and backbone differ (Video K-Net: crops of scaled images, all of R50;
  diffusion: whole images, R50 without its last stage, masks of 192x624). Needs a GPU.
"""

work_dir = 'work_dirs/ablation_diffusion'
seeds = (0, 1, 2)
metrics = ('stq/STQ', 'stq/AQ', 'stq/SQ', 'vpq/VPQ')
costs = dict(frames=8)

corruption = {
    'model.decoder.corruption.radius': 2,
    'model.decoder.corruption.boundary_prob': 0.5,
    'model.decoder.corruption.swap_prob': 0.1,
    'model.decoder.corruption.drop_prob': 0.05,
}
# the filter of the result counts pixels of the image, this one codes of 4x4 pixels
filtered = {'model.decoder.feed_back': 'filtered', 'model.decoder.segments.min_pixels': 3}
each_frame = {'model.decoder.feed_back': 'none', 'model.tracker.type': 'MaskIoUTracker'}
voted = {'model.postprocessor.segment_decoder.majority_vote': True}
unfiltered = {'model.postprocessor.segment_decoder.min_pixels': 0}
no_void = {**unfiltered, 'model.decoder.decoding': 'no_void'}
by_mask_iou = {'model.tracker.type': 'MaskIoUTracker'}
no_past = {'model.decoder.num_past': 0, 'train_dataloader.dataset.pipeline.0.num_refs': 0}


def steps_rows(title, weights, all_steps, options):
    """Test-only rows: sampling steps of all frames but the first."""
    return [
        dict(
            name=f'{weights}_steps_{steps}',
            title=f'{title}, {steps} step{"s" * (steps > 1)} a later frame',
            weights_of=weights,
            options={**options, 'model.decoder.steps_later': steps},
        )
        for steps in all_steps
    ]


def rows_of(video_knet, options):
    """The rows of a data set on a CPU: Video K-Net's config, and options of all diffusion rows."""

    def diffusion(name, title, own, weights_of=None):
        row = dict(name=name, title=title, options={**options, **own})
        return {**row, 'weights_of': weights_of} if weights_of else {**row, 'start': None}

    return [
        dict(name='video_knet', title='Video K-Net', config=video_knet, options={}),
        dict(
            name='video_knet_mask_iou',
            title='Video K-Net, ids by mask IoU',
            config=video_knet,
            weights_of='video_knet',
            options=by_mask_iou,
        ),
        diffusion('diffusion', 'diffusion, 20 steps for the first frame, 5 for later ones', {}),
        *steps_rows('diffusion', 'diffusion', (1, 2, 10, 20), options),
        diffusion('td_0', 'diffusion, td = 0', {'model.decoder.td': 0.0}, 'diffusion'),
        diffusion('td_1', 'diffusion, td = 1', {'model.decoder.td': 1.0}, 'diffusion'),
        diffusion('td_4', 'diffusion, td = 4', {'model.decoder.td': 4.0}, 'diffusion'),
        diffusion(
            'dpmsolver',
            'diffusion, DPM-Solver++ (td = 0)',
            {'model.decoder.td': 0.0, 'model.decoder.sampler': 'dpmsolver++'},
            'diffusion',
        ),
        diffusion('samples_4', 'diffusion, 4 samples a frame', {'model.decoder.num_samples': 4}, 'diffusion'),
        diffusion('filtered', 'diffusion, next frame sees the filtered map', filtered, 'diffusion'),
        diffusion('voted', 'diffusion, one class an identity by majority vote', voted, 'diffusion'),
        diffusion('unfiltered', 'diffusion, small segments kept', unfiltered, 'diffusion'),
        diffusion('no_void', 'diffusion, no pixel left void, small segments kept', no_void, 'diffusion'),
        diffusion('diffusion_mask_iou', 'diffusion, ids by mask IoU', by_mask_iou, 'diffusion'),
        diffusion('each_frame', 'diffusion, every frame made from noise, ids by mask IoU', each_frame, 'diffusion'),
        diffusion('corruption', 'diffusion, past masks corrupted in training', corruption),
        diffusion(
            'corruption_filtered',
            'past masks corrupted in training, next frame sees the filtered map',
            {**corruption, **filtered},
            'corruption',
        ),
        *steps_rows('past masks corrupted in training', 'corruption', (1, 20), {**options, **corruption}),
        {
            **diffusion('longer', 'past masks corrupted in training, twice as many iterations', corruption),
            'start': 'corruption',
        },
        *steps_rows('twice as many iterations', 'longer', (1, 2, 10, 20), {**options, **corruption}),
        diffusion('no_past', 'diffusion without past masks', no_past),
        diffusion(
            'no_past_mask_iou', 'diffusion without past masks, ids by mask IoU', {**no_past, **by_mask_iou}, 'no_past'
        ),
    ]


def rollout_rows(video_knet):
    """Test-only rows on longer videos, with the weights of the table ``synthetic``."""
    data = {'test_dataloader.dataset.data_root': 'data/synthetic_rollout/'}
    rows = [
        ('video_knet', 'Video K-Net', 'video_knet', {}),
        ('video_knet_mask_iou', 'Video K-Net, ids by mask IoU', 'video_knet', by_mask_iou),
        ('diffusion', 'diffusion', 'diffusion', {}),
        ('filtered', 'diffusion, next frame sees the filtered map', 'diffusion', filtered),
        ('corruption', 'past masks corrupted in training', 'corruption', corruption),
        (
            'corruption_filtered',
            'past masks corrupted in training, next frame sees the filtered map',
            'corruption',
            {**corruption, **filtered},
        ),
    ]
    return [
        dict(
            name=name,
            title=title,
            weights_of=f'synthetic/{weights}',
            options={**data, **options},
            **({'config': video_knet} if weights == 'video_knet' else {}),
        )
        for name, title, weights, options in rows
    ]


def gpu_rows():
    """b and p are trained, td is set at test time; every b has its own image stage."""
    bf16 = {'optim_wrapper.type': 'AmpOptimWrapper', 'optim_wrapper.dtype': 'bfloat16'}
    rows = [dict(name='video_knet', title='Video K-Net', config='configs/video_knet/r50_kitti_step.py', options=bf16)]
    for scale in (0.1, 0.3, 1.0):
        image = f'image_b{scale}'
        scaled = {**bf16, 'model.decoder.codec.scale': scale}
        rows.append(
            dict(
                name=image,
                title=f'image stage of diffusion, b = {scale}',
                config='configs/diffusion/r50_cityscapes_step.py',
                options=scaled,
                start=None,
            )
        )
        for power in (0.0, 0.2, 0.4):
            name, options = f'b{scale}_p{power}', {**scaled, 'model.decoder.loss_bits.power': power}
            title = f'diffusion, b = {scale}, p = {power}'
            rows.append(dict(name=name, title=f'{title}, td = 1', options=options, start=image))
            for td in (0.0, 2.0):
                rows.append(
                    dict(
                        name=f'{name}_td{td:.0f}',
                        title=f'{title}, td = {td:.0f}',
                        weights_of=name,
                        options={**options, 'model.decoder.td': td},
                    )
                )
    default = {**bf16, 'model.decoder.codec.scale': 0.1, 'model.decoder.loss_bits.power': 0.2}
    return [*rows, *steps_rows('diffusion, b = 0.1, p = 0.2', 'b0.1_p0.2', (5, 10), default)]


camvid_neck = {'model.neck.0.out_channels': 96, 'model.neck.1.in_channels': [96] * 4}

tables = [
    dict(
        name='synthetic',
        title='synthetic videos',
        prepare='tools/dataset_converters/make_synthetic.py data/synthetic_quickstart',
        config='configs/diffusion/effnet-lite0_synthetic_quickstart.py',
        rows=rows_of('configs/video_knet/effnet-lite0_synthetic_quickstart.py', {}),
    ),
    dict(
        name='rollout',
        title='synthetic videos of 50 frames, weights of the table before',
        prepare='tools/dataset_converters/make_synthetic.py data/synthetic_rollout --seed 1 --train 0 --val 12 '
        '--frames 50',
        config='configs/diffusion/effnet-lite0_synthetic_quickstart.py',
        rows=rollout_rows('configs/video_knet/effnet-lite0_synthetic_quickstart.py'),
        predictions=True,  # tools/analysis_tools/drift.py reads them
    ),
    dict(
        name='camvid',
        title='CamVid clips',
        start=dict(config='configs/knet/effnet-lite0_camvid_vps.py'),
        config='configs/diffusion/effnet-lite0_camvid_vps.py',
        rows=rows_of('configs/video_knet/effnet-lite0_camvid_vps.py', camvid_neck),
    ),
    dict(
        name='kitti_step',
        title='KITTI-STEP, R50, bf16 (needs a GPU and the data)',
        start=dict(config='configs/knet/r50_cityscapes_step.py'),
        config='configs/diffusion/r50_kitti_step.py',
        rows=gpu_rows(),
        on_request=True,
    ),
]
