#!/usr/bin/env bash
# Build the pages: docs/build.sh OUT [PYTHON]
#
# PYTHON (default: python3) belongs to an environment in which the package is installed. The tools are installed into a
# temporary folder that comes first on Python's path, so that nothing changes in that environment; warnings are errors.
# DOCS_TOOLS names a folder in which the tools are kept for the next time. Nothing is written into the checkout.
set -euo pipefail

[[ $# -ge 1 && $# -le 2 ]] || { echo "usage: docs/build.sh OUT [PYTHON]" >&2; exit 2; }
docs=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$1
python=${2:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

tools=${DOCS_TOOLS:-$work/tools}
if [[ ! -d $tools/sphinx || $docs/requirements.txt -nt $tools/sphinx ]]; then
    # --no-warn-conflicts: what the environment holds in other versions stays there, and is not touched.
    "$python" -m pip install --quiet --upgrade --no-warn-conflicts --target "$tools" -r "$docs/requirements.txt"
    touch "$tools/sphinx"
fi

export PYTHONPATH=$tools PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1
"$python" -m sphinx -W --keep-going -n -q -b html -d "$work/doctrees" "$docs" "$out"
# Sphinx copies its cache's fingerprint into the pages; nobody reads it there.
rm -f "$out/.buildinfo"
echo "$out/index.html"
