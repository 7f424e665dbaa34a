#!/usr/bin/env bash
# Loads BUILD with a real Bazel, without Bazel's registry, and runs three tests.
#
#     tests/bazel.sh PYTHON
#
# PYTHON is that of an environment with all packages of the lock file. The
# workspace, in build/bazel, links to the checkout; in place of rules_python and
# of the packages it has small repositories that lead to Bazel's native rules
# and to PYTHON. Debian's Bazel (package bazel-bootstrap, which this script
# installs where there is none) loads native rules only.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
python=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
work=$root/build/bazel
buildifier=$root/build/buildifier/node_modules/.bin/buildifier

if [ ! -d /usr/share/bazel/rules ]; then
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends \
    bazel-bootstrap bazel-rules-java bazel-rules-proto
fi
[ -x "$buildifier" ] || npm install --silent --no-audit --no-fund \
  --prefix "$root/build/buildifier" @bazel/buildifier@8.2.1
"$buildifier" --mode=check --lint=warn "$root/BUILD" "$root/MODULE.bazel"

rm -rf "$work"
mkdir -p "$work/stubs"
for one in "$root"/*; do
  [ "$(basename "$one")" = build ] || ln -s "$one" "$work/"
done

# stub NAME FILE: a repository, with a file from standard input.
stub() {
  mkdir -p "$work/stubs/$1/$(dirname "$2")"
  touch "$work/stubs/$1/WORKSPACE" "$work/stubs/$1/$(dirname "$2")/BUILD"
  cat >"$work/stubs/$1/$2"
}
stub rules_python python/defs.bzl <<'EOF'
py_binary = native.py_binary
py_library = native.py_library

def _main_impl(ctx):
    ctx.actions.write(
        ctx.outputs.out,
        "import runpy\nrunpy.run_module(%r, run_name = '__main__')" %
        ctx.attr.main_module,
    )

_main = rule(
    _main_impl,
    attrs = {"main_module": attr.string(), "out": attr.output()},
)

def py_test(name, main_module, srcs, **kwargs):
    main = name + "_main.py"
    _main(name = name + "_main", main_module = main_module, out = main)
    native.py_test(name = name, srcs = srcs + [main], main = main, **kwargs)
EOF
# Empty libraries with the names of the lock file: PYTHON has their contents.
stub pip requirements.bzl <<'EOF'
def requirement(name):
    return "@pip//:" + name
EOF
sed -nE 's/^([a-z0-9._-]+)==.*/\1/p' "$root/requirements.lock" | sort -u |
  sed 's/.*/py_library(name = "&", visibility = ["\/\/visibility:public"])/' \
    >"$work/stubs/pip/BUILD"
# Without it, Bazel takes the python3 that is first on the PATH.
stub interpreter BUILD <<EOF
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")
py_runtime(
    name = "runtime",
    interpreter_path = "$python",
    python_version = "PY3",
)
py_runtime_pair(name = "pair", py3_runtime = ":runtime")
toolchain(
    name = "toolchain",
    toolchain = ":pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
EOF
stub rules_cc cc/defs.bzl <<'EOF'
cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_import = native.objc_import
objc_library = native.objc_library
EOF
stub remote_coverage_tools BUILD <<'EOF'
sh_binary(
    name = "coverage_report_generator",
    srcs = ["none.sh"],
    visibility = ["//visibility:public"],
)
EOF
echo exit >"$work/stubs/remote_coverage_tools/none.sh"
chmod +x "$work/stubs/remote_coverage_tools/none.sh"
cat >"$work/WORKSPACE" <<'EOF'
workspace(name = "keras_anytime")
local_repository(name = "rules_python", path = "stubs/rules_python")
local_repository(name = "pip", path = "stubs/pip")
local_repository(name = "interpreter", path = "stubs/interpreter")
register_toolchains("@interpreter//:toolchain")
EOF
echo stubs >"$work/.bazelignore"
overrides=(
  --override_repository=rules_cc="$work/stubs/rules_cc"
  --override_repository=remote_coverage_tools="$work/stubs/remote_coverage_tools"
  --override_repository=rules_java=/usr/share/bazel/rules/java
  --override_repository=rules_proto=/usr/share/bazel/rules/proto
)

cd "$work"
bazel() { command bazel --output_user_root="$root/build/bazel_cache" "$@"; }
trap 'bazel shutdown' EXIT
echo "$(bazel query "${overrides[@]}" 'kind("py_test", //...)' | wc -l) tests"
bazel query "${overrides[@]}" 'kind("py_binary", //...)'
bazel test "${overrides[@]}" --jobs=1 \
  --test_output=errors --test_env=TF_CPP_MIN_LOG_LEVEL=2 \
  //:tests_nesting_test //:tests_weighting_static_test \
  //:tests_export_litert_test
