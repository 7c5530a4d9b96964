"""OVIS."""

from videoseg.evaluation.benchmarks.youtube_vis_benchmark import YouTubeVISBenchmark


class OVISBenchmark(YouTubeVISBenchmark):
    """OVIS: as YouTube-VIS, and AP_light, AP_medium, AP_heavy by the ``occlusion`` of the annotations."""

    occlusion = 'ovis'
