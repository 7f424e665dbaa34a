"""Block-triangular masks of kernels, in plain NumPy.

A layer's channels are split into slices, one per stage. The kernel of all
slices together, `(..., inputs, outputs)`, is zero where an output slice would
read an input slice of a later stage.
"""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np


def block_triangular_mask(
    input_slices: Sequence[int], output_slices: Sequence[int]
) -> np.ndarray:
    """Returns the mask that is 1 where an output may read an input, else 0.

    Args:
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.

    Returns:
        Float32 array `(sum(input_slices), sum(output_slices))`.

    Raises:
        ValueError: If the slices have different lengths or negative entries.
    """
    check_slices(input_slices, output_slices)
    stages = np.arange(len(input_slices))
    reads = stages[:, None] <= stages[None, :]
    mask = np.repeat(reads, input_slices, axis=0)
    return np.repeat(mask, output_slices, axis=1).astype("float32")


def assemble_kernel(
    kernels: Sequence[np.ndarray | None],
    input_slices: Sequence[int],
    output_slices: Sequence[int],
) -> np.ndarray:
    """Assembles one masked kernel from the kernels of the slices.

    Args:
        kernels: K arrays. The k-th has the shape `(..., inputs of stages <= k,
            output_slices[k])`, or is `None` where a stage adds no channel.
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.

    Returns:
        Array `(..., sum(input_slices), sum(output_slices))`, zero above the
        block diagonal.

    Raises:
        ValueError: If a kernel's shape does not match the slices.
    """
    check_slices(input_slices, output_slices)
    if len(kernels) != len(output_slices):
        raise ValueError(
            f"Expected one kernel per slice ({len(output_slices)}). "
            f"Received: {len(kernels)} kernels"
        )
    first = next(kernel for kernel in kernels if kernel is not None)
    shape = (*first.shape[:-2], sum(input_slices), sum(output_slices))
    masked_kernel = np.zeros(shape, first.dtype)
    for kernel, (rows, columns) in zip(
        kernels, _blocks(input_slices, output_slices), strict=True
    ):
        if kernel is None:
            continue
        block = masked_kernel[..., rows, columns]
        if kernel.shape != block.shape:
            raise ValueError(
                f"Expected a slice kernel of shape {block.shape}. "
                f"Received: kernel.shape={kernel.shape}"
            )
        masked_kernel[..., rows, columns] = kernel
    return masked_kernel


def split_kernel(
    kernel: np.ndarray,
    input_slices: Sequence[int],
    output_slices: Sequence[int],
) -> list[np.ndarray]:
    """Splits one masked kernel into the kernels of the slices.

    This is the inverse of `assemble_kernel`. Values under the mask are
    dropped.

    Args:
        kernel: Array `(..., sum(input_slices), sum(output_slices))`.
        input_slices: K integers, the input channels that each stage adds.
        output_slices: K integers, the output channels that each stage adds.

    Returns:
        List of K arrays `(..., inputs of stages <= k, output_slices[k])`.

    Raises:
        ValueError: If the kernel's shape does not match the slices.
    """
    check_slices(input_slices, output_slices)
    expected = (sum(input_slices), sum(output_slices))
    if kernel.shape[-2:] != expected:
        raise ValueError(
            f"Expected a kernel whose last two axes are {expected}. "
            f"Received: kernel.shape={kernel.shape}"
        )
    return [
        kernel[..., rows, columns]
        for rows, columns in _blocks(input_slices, output_slices)
    ]


def check_slices(
    input_slices: Sequence[int], output_slices: Sequence[int]
) -> None:
    """Raises a `ValueError` if the slices do not describe the same stages."""
    for name, slices in (
        ("input_slices", input_slices),
        ("output_slices", output_slices),
    ):
        if not len(slices) or min(slices) < 0 or not sum(slices):
            raise ValueError(
                f"`{name}` must hold one channel count of 0 or more for each "
                f"stage, and one above 0. Received: {name}={slices}"
            )
    if not input_slices[0]:
        raise ValueError(
            "The first stage must have input channels. "
            f"Received: input_slices={input_slices}"
        )
    if len(input_slices) != len(output_slices):
        raise ValueError(
            "Input and output slices must describe the same stages. "
            f"Received: input_slices={input_slices}, "
            f"output_slices={output_slices}"
        )


def _blocks(
    input_slices: Sequence[int], output_slices: Sequence[int]
) -> Iterator[tuple[slice, slice]]:
    """Yields each slice's rows and columns in the masked kernel."""
    for stage in range(len(output_slices)):
        start = sum(output_slices[:stage])
        yield (
            slice(0, sum(input_slices[: stage + 1])),
            slice(start, start + output_slices[stage]),
        )
