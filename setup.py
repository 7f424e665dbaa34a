"""Package metadata and the ranges of dependencies that the lock is made of."""

import pathlib
import re

import setuptools

HERE = pathlib.Path(__file__).parent
VERSION = re.search(
    r'__version__ = "(.+)"', (HERE / "keras_anytime/version.py").read_text()
)[1]

COMMANDS = ("train", "evaluate", "export", "benchmark", "run")

LITERT = "ai-edge-litert>=2.3,<3"
# Wherever networks are trained; on a device they are not.
KERAS = [
    "keras>=3.15,<3.16",
    # What Keras keeps weights in; it brings it too.
    "h5py>=3.11,<4",
    # Reads the flags of commands.
    "absl-py>=1.4",
]
PLOT = ["matplotlib>=3.9,<4"]
# `CurveLogger(log_dir=...)` writes with it.
TENSORBOARD = ["tensorboard>=2.19,<3"]
# The digits, and Student's t distribution.
SCIENCE = ["scikit-learn>=1.5,<2", "scipy>=1.11,<2"]
# Decodes and resizes images that are not all of one size, on both backends.
IMAGES = ["pillow>=11"]
# Instead of TensorFlow, to train. For CPUs; on a GPU machine: jax[cuda12].
JAX = [
    *KERAS,
    "jax>=0.10,<0.11",
    *IMAGES,
    *SCIENCE,
]
TENSORFLOW = [
    *KERAS,
    # Without CUDA libraries; on a GPU machine: tensorflow[and-cuda].
    "tensorflow>=2.21,<2.22",
    "tensorflow-datasets>=4.9.10,<5",
    # What it imports to fetch data, and requires of older Pythons only.
    "importlib-resources>=6.5",
    *IMAGES,
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


def long_description():
    """Returns the README without pictures, captions and links to the checkout.

    A package index has no files that they could lead to.
    """
    text = (HERE / "README.md").read_text()
    picture = r"!\[[^]]*\]\((?!https:)[^)]*\)\n*"
    text = re.sub(rf"{picture}(\*[^*]+\*\n+)?", "", text)
    return re.sub(r"(?<!!)\[([^]]+)\]\((?!https:)[^)]*\)", r"\1", text)


setuptools.setup(
    name="keras-anytime",
    version=VERSION,
    description=(
        "Anytime neural networks for Keras: nested architectures, "
        "Orthogonalized SGD, staged export, answers under a deadline."
    ),
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="The keras_anytime authors",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords=[
        "anytime prediction",
        "deadline",
        "early exit",
        "jax",
        "keras",
        "litert",
        "multi-task optimization",
        "nested neural networks",
        "orthogonalized sgd",
        "tensorflow",
    ],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Software Development :: Libraries :: Python Modules",
        "Typing :: Typed",
    ],
    project_urls={
        "Wan et al. 2020": "https://arxiv.org/abs/2008.06635",
        "Hu et al. 2017": "https://arxiv.org/abs/1708.06832v1",
        "Hu et al. 2019": "https://arxiv.org/abs/1708.06832",
        "Lee and Shin 2018": "https://arxiv.org/abs/1807.02609",
    },
    packages=setuptools.find_packages(include=["keras_anytime*"]),
    # Says that the package has type annotations.
    package_data={
        "keras_anytime": ["py.typed"],
        # The numbers of the papers.
        "keras_anytime.experiments.papers": ["published/*.csv"],
        # The weights of trained networks, and what is known of them.
        "keras_anytime.nets": ["weights/*.h5", "weights/*.json"],
    },
    entry_points={
        "console_scripts": [
            f"keras-anytime-{name} = keras_anytime.commands.{name}:main"
            for name in COMMANDS
        ]
    },
    python_requires=">=3.11,<3.14",
    install_requires=["numpy>=2.0,<3"],
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
