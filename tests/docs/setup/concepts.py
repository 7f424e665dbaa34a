"""A batch of color images, for the network that the page builds."""

import numpy as np

val = [(np.zeros((4, 32, 32, 3), "float32"), np.zeros(4, int))]


def check(folder, printed):
    shown = (
        "answer 1 after 23,290,176 multiply-adds\n"
        "answer 2 after 69,649,024 multiply-adds\n"
        "answer 3 after 254,641,408 multiply-adds\n"
    )
    assert printed.startswith(shown)
    assert "(16, 32, 64)\n(16, 16, 32)\n" in printed
