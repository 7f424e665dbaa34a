#!/usr/bin/env bash
# Builds the wheel and the sdist into dist/, and tries them in empty
# environments.
#
#     tests/package.sh PYTHON
#
# PYTHON is that of an environment with setuptools and wheel. pip installs the
# wheel with each of the extras `tensorflow`, `device` and `jax` in a new
# environment of its own, from the package index, at the newest versions that
# setup.py allows. In each, the commands that people run do their work:
# TensorFlow trains, evaluates and exports a tiny network, a device answers and
# measures the exported file, and JAX trains. It takes some minutes, and 3 GB
# in build/package, which is deleted at the end.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$root/build/package
dist=$root/dist
unset PYTHONPATH KERAS_BACKEND TFDS_DATA_DIR TF_CPP_MIN_LOG_LEVEL
# Keras reads its backend there.
export KERAS_HOME=$work/settings PIP_DISABLE_PIP_VERSION_CHECK=1

rm -rf "$work" "$dist"
mkdir -p "$work/source" "$dist"
trap 'rm -rf "$work"' EXIT

# A copy of the checkout, without what earlier builds left in it.
cd "$root"
git ls-files -z --cached --others --exclude-standard |
  tar --null --files-from=- --create | tar --extract --directory "$work/source"

# wheel SOURCE FOLDER: builds the wheel of a source tree.
wheel() {
  "$python" -m pip wheel --quiet --no-deps --no-build-isolation \
    --wheel-dir "$2" "$1"
}
echo "Building the sdist, and a wheel of it and of the checkout"
(
  cd "$work/source"
  "$python" -c 'import sys, setuptools.build_meta as build
build.build_sdist(sys.argv[1])' "$dist" >"$work/sdist.log" 2>&1
) || {
  cat "$work/sdist.log"
  exit 1
}
wheel "$work/source" "$dist"
tar --extract --gzip --file "$dist"/*.tar.gz --directory "$work"
wheel "$work"/keras_anytime-* "$work/again"
"$python" - "$dist" "$work" <<'EOF2'
import hashlib
import pathlib
import sys
import tarfile
import zipfile

dist, work = map(pathlib.Path, sys.argv[1:])


def contents(folder):
    """Returns the hashes of the files of the wheel in a folder, by name."""
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        return {
            name: hashlib.sha256(wheel.read(name)).hexdigest()
            for name in wheel.namelist()
        }


assert contents(dist) == contents(work / "again"), "the wheels differ"
weights = {
    path.relative_to(work / "source").as_posix()
    for path in (work / "source/keras_anytime/nets/weights").glob("*")
}
assert weights <= set(contents(dist)), weights
(sdist,) = dist.glob("*.tar.gz")
with tarfile.open(sdist) as archive:
    names = {name.partition("/")[2] for name in archive.getnames()}
wanted = {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"}
wanted |= {"recipes/train.py", "tools/run_on_device.py", "docs/reliability.md"}
assert wanted <= names, wanted - names
assert not any(name.startswith("tests") for name in names)
for path in sorted(dist.iterdir()):
    print(f"  {path.name}: {path.stat().st_size / 1e3:.0f} kB")
EOF2

# refused LOG COMMAND...: runs a command that must fail; LOG gets its errors.
refused() {
  if "${@:2}" 2>"$1"; then
    echo "this did not fail: ${*:2}"
    exit 1
  fi
}
# environment NAME PACKAGE...: a new environment, whose programs run next.
environment() {
  echo "Installing ${*:2} in a new environment"
  "$python" -m venv "$work/$1"
  bin=$work/$1/bin
  "$bin/python" -m pip install --quiet "${@:2}"
  echo "  $("$bin/python" -m pip list --format=freeze | wc -l) packages," \
    "$(du -sm "$work/$1" | cut -f1) MB"
}
file=$(echo "$dist"/*.whl)
cd "$work"

# The index shows the README.
environment index twine 'readme-renderer[md]'
"$bin/twine" check --strict "$dist"/*
rm -rf index

tiny=(--data=digits --net=width_nested_resnet --nesting=w1-w2 --units=1
  --filters=8 --epochs=1)
environment tensorflow "$file[tensorflow]"
"$bin/keras-anytime-train" "${tiny[@]}" --workdir=run
"$bin/keras-anytime-export" --model=run/model.keras --output=anytime.tflite \
  --pixels=true --quantization=float32,int8 --verify
refused plot.log "$bin/keras-anytime-evaluate" --runs=run
grep -q "keras-anytime\[plot\]" plot.log
"$bin/python" -m pip install --quiet "$file[plot]"
"$bin/keras-anytime-evaluate" --runs=run --images=10 --repetitions=1
rm -rf tensorflow

environment device "$file[device]"
"$bin/python" -P - <<'EOF2'
import importlib.util

for name in ("keras", "h5py", "absl", "tensorflow", "jax"):
    assert importlib.util.find_spec(name) is None, f"{name} is there"
EOF2
for variant in anytime anytime_int8; do
  "$bin/keras-anytime-run" "$variant.tflite" --deadline_ms=1000 --frames=5 |
    tee run.log
  grep -q '^stage 2: 5$' run.log
done
"$bin/keras-anytime-benchmark" --repetitions=5 \
  --files=float=anytime.tflite,int8=anytime_int8.tflite
# What a device lacks is said in one line.
for command in train evaluate export; do
  refused help.log "$bin/keras-anytime-$command" --help
  [ "$(wc -l <help.log)" -eq 1 ]
  grep -q "pip install 'keras-anytime\[tensorflow\]'" help.log
done
rm -rf device

environment jax "$file[jax]"
KERAS_BACKEND=jax "$bin/keras-anytime-train" "${tiny[@]}" --workdir=run_jax
refused export.log env KERAS_BACKEND=jax "$bin/keras-anytime-export" \
  --model=run_jax/model.keras --output=other.tflite
grep -q "keras-anytime\[tensorflow\]" export.log
# Keras takes TensorFlow where no backend is named.
refused backend.log "$bin/keras-anytime-train" "${tiny[@]}" --workdir=other
grep -q "KERAS_BACKEND=jax" backend.log

echo "dist/ has $(cd "$dist" && echo *)"
