"""The package as it is installed: imports, versions, requirements."""

import contextlib
import re
import runpy
import shutil
import zipfile
from unittest import mock

import pytest
import setuptools
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import keras_anytime as ka
from keras_anytime.extras import add_advice
from tests.testing import run_process

# Stands for a device, on which these packages cannot be imported.
DEVICE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("keras", "tensorflow", "tf_keras", "absl"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""


@pytest.fixture(scope="module")
def run(repository):
    """Runs Python code in a new process and returns what it prints."""

    def run(code):
        done = run_process(repository, "-c", code)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="module")
def metadata(repository):
    """The arguments with which setup.py calls setuptools."""
    arguments = {}
    with (
        contextlib.chdir(repository),
        mock.patch.object(setuptools, "setup", arguments.update),
    ):
        runpy.run_path("setup.py")
    return arguments


# By file, the extra that it pins.
LOCKS = {
    "requirements.lock": "test",
    "requirements-jax.lock": "test-jax",
    "requirements-docs.lock": "docs",
}


@pytest.fixture(scope="module")
def locked(repository):
    """By lock file, its requirements, each on one line with its hashes."""
    return {
        name: (repository / name)
        .read_text()
        .replace("\\\n", " ")
        .rstrip("\n")
        .split("\n")
        for name in LOCKS
    }


def test_importing_the_package_loads_no_library(run):
    heavy = run(
        "import sys\n"
        "import keras_anytime\n"
        "print(*{'keras', 'tensorflow', 'numpy'} & set(sys.modules))"
    )
    assert not heavy.split()


def test_runtime_works_where_keras_and_tensorflow_are_missing(run):
    printed = run(
        f"{DEVICE}\n"
        "from keras_anytime.runtime import AnytimePredictor\n"
        "print(AnytimePredictor.__name__)\n"
        "print(*{'keras', 'tensorflow'} & set(sys.modules))"
    )
    assert printed.split() == ["AnytimePredictor"]


@pytest.mark.parametrize("name", ["nets", "load_model"])
def test_what_needs_keras_says_which_extra_brings_it(run, name):
    printed = run(
        f"{DEVICE}\n"
        "import keras_anytime as ka\n"
        "try:\n"
        f"    ka.{name}\n"
        "except ImportError as error:\n"
        "    print(error)"
    )
    assert "No module named 'keras'" in printed
    for extra in ("tensorflow", "jax"):
        assert printed.count(f"pip install 'keras-anytime[{extra}]'") == 1


@pytest.mark.parametrize(
    ("missing", "extra"),
    [
        ("tensorflow.python.x", "tensorflow"),
        ("ai_edge_quantizer", "tensorflow"),
        ("jax", "jax"),
        ("matplotlib", "plot"),
        ("other", ""),
    ],
)
def test_a_missing_package_is_explained_once(missing, extra):
    error = ModuleNotFoundError(f"No module named {missing!r}", name=missing)
    assert add_advice(error) == add_advice(error) == bool(extra)
    assert str(error).startswith(f"No module named {missing!r}")
    assert str(error).count(f"pip install 'keras-anytime[{extra}]'") == bool(
        extra
    )


def test_an_import_that_failed_without_a_message_is_explained():
    error = ModuleNotFoundError(name="keras")
    assert add_advice(error)
    assert str(error).startswith("No module named 'keras'. Networks")


def test_runtime_loads_neither_keras_nor_tensorflow_where_they_are(run):
    heavy = run(
        "import sys\n"
        "from keras_anytime.runtime import AnytimePredictor\n"
        "print(*{'keras', 'tensorflow'} & set(sys.modules))"
    )
    assert not heavy.split()


def test_keras_finds_the_classes_when_it_was_imported_first(run):
    printed = run(
        "import keras\n"
        "import keras_anytime\n"
        "for name in ('AnytimeModel', 'AdaLoss', 'Orthogonal', 'SlicedConv2D'):"
        "\n"
        "    name = f'keras_anytime>{name}'\n"
        "    print(keras.saving.get_registered_object(name))"
    )
    assert len(printed.splitlines()) == 4
    assert "None" not in printed


def test_every_name_of_the_package_resolves():
    for name in ka.__all__:
        assert getattr(ka, name) is not None


def test_dir_lists_the_subpackages(repository):
    folders = (repository / "keras_anytime").glob("*/__init__.py")
    internal = {"backend", "commands", "files", "saving", "stages"}
    assert {path.parent.name for path in folders} - internal <= set(dir(ka))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="keras_anytime.*no_such"):
        _ = ka.no_such


def test_the_version_is_the_same_everywhere(metadata, repository):
    module = (repository / "MODULE.bazel").read_text()
    assert metadata["version"] == ka.__version__
    assert re.search(r'\bversion = "(.+?)"', module)[1] == ka.__version__
    citation = (repository / "CITATION.cff").read_text()
    assert re.search(r"^version: (.+)$", citation, re.M)[1] == ka.__version__
    changes = (repository / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d.*)\] - \d{4}-\d\d-\d\d$", changes, re.M)
    assert released[0] == ka.__version__


def test_a_device_needs_numpy_and_litert_only(metadata):
    device = metadata["install_requires"] + metadata["extras_require"]["device"]
    names = {Requirement(line).name for line in device}
    assert names == {"numpy", "ai-edge-litert"}
    for extra in ("tensorflow", "jax"):
        names = {
            Requirement(line).name for line in metadata["extras_require"][extra]
        }
        assert {"keras", "h5py", "absl-py", extra} <= names


def test_the_index_says_which_pythons_there_are(metadata):
    named = re.findall(
        r"Python :: (3\.\d+)", "\n".join(metadata["classifiers"])
    )
    supported = SpecifierSet(metadata["python_requires"])
    assert named == [f"3.{n}" for n in range(50) if f"3.{n}" in supported]
    assert "Typing :: Typed" in metadata["classifiers"]


def test_the_index_gets_no_links_into_the_checkout(metadata, repository):
    text = metadata["long_description"]
    links = re.findall(r"\]\(([^)]*)\)", text)
    assert links and all(link.startswith("https://") for link in links)
    assert "![" not in text
    # All words of the README are there.
    readme = (repository / "README.md").read_text()
    for link in re.findall(r"(?<!!)\[([^]]+)\]\((?!https:)", readme):
        assert link in text
    for address in metadata["project_urls"].values():
        assert address in (repository / "CITATION.cff").read_text()


def test_all_subpackages_are_installed(metadata, repository):
    folders = {
        path.parent.relative_to(repository).as_posix().replace("/", ".")
        for path in (repository / "keras_anytime").rglob("__init__.py")
    }
    assert set(metadata["packages"]) == folders


@pytest.mark.slow
def test_a_wheel_has_all_modules_and_says_that_it_has_types(
    repository, tmp_path
):
    # Building leaves files beside setup.py.
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, tmp_path)
    package = repository / "keras_anytime"
    shutil.copytree(package, tmp_path / "keras_anytime")
    done = run_process(
        tmp_path,
        *("-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"),
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    modules = {
        path.relative_to(repository).as_posix()
        for path in package.rglob("*.py")
    }
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {*modules, "keras_anytime/py.typed"} <= names
    assert not any(name.startswith(("recipes", "tests")) for name in names)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_files_pin_versions_and_hashes_and_name_no_places(locked, lock):
    pin = r"[a-z0-9._-]+==[0-9][\w.+!]*( ; .+?)?"
    # No indexes, addresses or options, and no package without hashes.
    for line in locked[lock]:
        assert re.fullmatch(rf"{pin}( +--hash=sha256:[0-9a-f]{{64}})+", line), (
            line
        )
        assert "://" not in line and "@" not in line, line


def test_the_site_is_built_with_the_packages_that_tests_use(locked):
    def versions(lock):
        pins = [Requirement(line.split(" --hash")[0]) for line in locked[lock]]
        return {(pin.name, str(pin.specifier)) for pin in pins}

    tests = versions("requirements.lock")
    site = versions("requirements-docs.lock")
    both = {name for name, _ in tests} & {name for name, _ in site}
    assert both
    assert {pin for pin in site if pin[0] in both} <= tests


@pytest.mark.parametrize(("lock", "extra"), LOCKS.items())
def test_lock_files_satisfy_setup_on_every_python(
    locked, lock, extra, metadata
):
    pins = [Requirement(line.split(" --hash")[0]) for line in locked[lock]]
    ranges = metadata["install_requires"] + metadata["extras_require"][extra]
    supported = SpecifierSet(metadata["python_requires"])
    pythons = [f"3.{n}" for n in range(50) if f"3.{n}" in supported]
    assert pythons
    for python in pythons:
        here = {
            "python_version": python,
            "python_full_version": f"{python}.0",
            "sys_platform": "linux",
        }
        for wanted in map(Requirement, ranges):
            versions = [
                str(pin.specifier).removeprefix("==")
                for pin in pins
                if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
                and (pin.marker is None or pin.marker.evaluate(here))
            ]
            assert len(versions) == 1, (
                f"{wanted} on Python {python}: {versions}"
            )
            assert versions[0] in wanted.specifier, (
                f"{wanted}, but {lock} pins {versions[0]}: `make lock`"
            )
