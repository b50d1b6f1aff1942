"""What a sample says of the whole: a refresh asks for what is due, which may be a few pages of many."""

from __future__ import annotations

from math import sqrt

_SURE = 1.645  # standard deviations: wrong in one of twenty samples, on the one side that matters


def share_at_least(hits: float, asked: int, whole: int) -> float:
    """Return the share of the whole that is at least hit, given what a sample of it shows.

    It is exactly that of the sample where the sample is all there is. Else it is less, the more so the smaller the
    sample: three of ten may be bad luck, three hundred of a thousand are not.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927), with the correction
    for a finite population.

    Args:
        hits: how many of the sample are hit.
        asked: how large the sample is.
        whole: how large the whole is; at least the sample's size.
    """
    if not asked:
        return 0.0
    share = hits / asked
    if asked >= whole:
        return share
    size = asked * (whole - 1) / (whole - asked)  # of a sample that says as much of a whole without end
    spread = _SURE * sqrt(share * (1 - share) / size + _SURE**2 / (4 * size**2))
    return (share + _SURE**2 / (2 * size) - spread) / (1 + _SURE**2 / size)
