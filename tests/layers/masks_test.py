import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_anytime.layers import masks


@st.composite
def slices(draw):
    count = draw(st.integers(1, 4))
    one = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    return draw(one.filter(lambda sizes: sizes[0] > 0)), draw(one.filter(sum))


@given(slices())
def test_the_mask_says_who_may_read_whom(given_slices):
    inputs, outputs = given_slices
    mask = masks.block_triangular_mask(inputs, outputs)
    owners = [k for k, size in enumerate(inputs) for _ in range(size)]
    readers = [k for k, size in enumerate(outputs) for _ in range(size)]
    expected = [[float(i <= j) for j in readers] for i in owners]
    np.testing.assert_array_equal(mask, expected)


@given(slices(), st.sampled_from([(), (3, 3), (1, 2)]))
def test_splitting_undoes_assembling(given_slices, space):
    inputs, outputs = given_slices
    rng = np.random.default_rng(0)
    kernels = [
        rng.standard_normal((*space, sum(inputs[: k + 1]), outputs[k]))
        for k in range(len(inputs))
    ]
    whole = masks.assemble_kernel(kernels, inputs, outputs)
    mask = masks.block_triangular_mask(inputs, outputs)
    np.testing.assert_array_equal(whole * mask, whole)
    assert whole.shape == (*space, sum(inputs), sum(outputs))
    for kernel, back in zip(
        kernels, masks.split_kernel(whole, inputs, outputs), strict=True
    ):
        np.testing.assert_array_equal(kernel, back)


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([1, 2], [1]),
        ([], []),
        ([0, 0], [1, 1]),
        ([1, -1], [1, 1]),
        ([0, 1], [1, 1]),
    ],
)
def test_slices_that_describe_no_stages_are_refused(inputs, outputs):
    with pytest.raises(ValueError, match="Received: "):
        masks.block_triangular_mask(inputs, outputs)


def test_kernels_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"kernel.shape=\(2, 1\)"):
        masks.assemble_kernel([np.ones((2, 1))], [1], [1])
    with pytest.raises(ValueError, match="2 kernels"):
        masks.assemble_kernel([np.ones((1, 1))] * 2, [1], [1])
    with pytest.raises(ValueError, match=r"kernel.shape=\(3, 3\)"):
        masks.split_kernel(np.ones((3, 3)), [1, 1], [1, 1])
