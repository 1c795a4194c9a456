"""The wording store, :mod:`data.templates.wordings` says how it is kept."""

from data.templates import following, naming, placing, plain

POINT = naming.POINT
QUESTIONS = {
    "point": POINT,
    **naming.QUESTIONS,
    **placing.QUESTIONS,
    **following.QUESTIONS,
    **plain.QUESTIONS,
}
"""Whole questions, by table."""
