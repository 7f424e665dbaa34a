"""Package metadata and the ranges of dependencies that the lock is made of."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "keras_anytime/version.py").read_text()
)[1]

LITERT = "ai-edge-litert>=2.3,<3"
PLOT = ["matplotlib>=3.9,<4"]
# `CurveLogger(log_dir=...)` writes with it.
TENSORBOARD = ["tensorboard>=2.19,<3"]
# The digits, and Student's t distribution.
SCIENCE = ["scikit-learn>=1.5,<2", "scipy>=1.11,<2"]
# Instead of TensorFlow, to train. For CPUs; on a GPU machine: jax[cuda12].
JAX = [
    "jax>=0.10,<0.11",
    # Decodes the images of prepared TFDS folders.
    "pillow>=11",
    *SCIENCE,
]
TENSORFLOW = [
    # Without CUDA libraries; on a GPU machine: tensorflow[and-cuda].
    "tensorflow>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<5",
    # What it imports to fetch data, and requires of older Pythons only.
    "importlib-resources>=6.5",
    "tensorflow-model-optimization>=0.8.1,<0.9",
    "tf_keras>=2.21,<2.22",
    *SCIENCE,
    # Writes LiteRT files; TensorFlow brings it too.
    "flatbuffers>=24.3",
    LITERT,
    # Quantizes LiteRT files.
    "ai-edge-quantizer>=0.10,<0.11",
]

TESTS = [
    *PLOT,
    "hypothesis>=6.100,<7",
    "psutil>=5.9",
    "packaging>=24",
    "pytest>=8.3",
    "pytest-xdist>=3.6,<4",
    # What `make` builds the package with, also where `venv` brings none.
    "setuptools>=77",
    "wheel>=0.45",
]

# The site of `make docs`, and the guides in it.
DOCS = [
    "sphinx>=9.0,<9.1",
    "furo>=2025.12",
    "myst-nb>=1.4,<2",
    "sphinx-copybutton>=0.5.2,<1",
    # Runs the guides.
    "ipykernel>=7,<8",
    "nbclient>=0.11,<1",
    "nbformat>=5.10,<6",
]

setuptools.setup(
    name="keras-anytime",
    version=VERSION,
    description=(
        "Anytime neural networks for Keras: nested architectures, "
        "Orthogonalized SGD, staged export, answers under a deadline."
    ),
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=setuptools.find_packages(include=["keras_anytime*"]),
    # Says that the package has type annotations.
    package_data={"keras_anytime": ["py.typed"]},
    python_requires=">=3.11,<3.14",
    install_requires=[
        "keras>=3.15,<3.16",
        "numpy>=2.0,<3",
        # What Keras keeps weights in; it brings it too.
        "h5py>=3.11,<4",
        "absl-py>=1.4",
    ],
    extras_require={
        "tensorflow": TENSORFLOW,
        "jax": JAX,
        "device": [LITERT],
        "plot": PLOT,
        "tensorboard": TENSORBOARD,
        "docs": DOCS,
        "test": [
            *TESTS,
            *TENSORFLOW,
            *JAX,
            *TENSORBOARD,
            "mypy>=1.15",
            "ruff>=0.11",
        ],
        # Where no TensorFlow is.
        "test-jax": [*TESTS, *JAX],
    },
)
