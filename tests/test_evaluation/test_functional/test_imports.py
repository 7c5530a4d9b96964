import subprocess
import sys


def test_functional_and_formats_need_neither_torch_nor_mmengine():
    code = (
        'import sys\n'
        'import videoseg.evaluation.functional, videoseg.evaluation.formats\n'
        'from videoseg.evaluation.functional import STQ, VPQ\n'
        'from videoseg.evaluation.formats import KittiStep\n'
        "print(sorted({'torch', 'mmengine', 'mmcv', 'mmdet', 'mmseg'} & set(sys.modules)), 'numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert done.stdout.split('\n')[0] == '[] True'
