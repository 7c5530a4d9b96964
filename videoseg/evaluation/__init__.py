"""Evaluation: ``functional`` (numpy in, numbers out), ``formats`` (result files), ``metrics`` (mmengine shells).

Importing this package imports none of them, so that ``functional`` and ``formats`` work without torch and mmengine.
"""
