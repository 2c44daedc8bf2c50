#!/bin/sh
# Makes gen/ from proto/: stubs by ts-proto, and the descriptor set that reflection serves.
# `scripts/gen.sh --check` makes it elsewhere and fails when what is committed differs.
set -eu
cd "$(dirname "$0")/.."
buf=node_modules/.bin/buf

generate() {
  mkdir -p "$1/gen"
  "$buf" generate --output "$1"
  # Comments stay in, for clients that show them; imports too, since reflection has to answer for them.
  "$buf" build --output "$1/gen/codeset.binpb" --as-file-descriptor-set
}

if [ "${1:-}" = --check ]; then
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  generate "$fresh"
  if ! diff -r gen "$fresh/gen" >/dev/null; then
    diff -rq gen "$fresh/gen" || true
    echo 'gen/ is not what proto/ says: run `npm run gen` and commit the result.' >&2
    exit 1
  fi
  "$buf" lint
  "$buf" breaking --against proto/baseline.binpb
  exit 0
fi

rm -rf gen
generate .

# The Python package's stubs; where there is no Python for it they stay as they are, and its tests tell.
sh clients/python/scripts/stubs.sh || echo 'The stubs in clients/python were not made; see above.' >&2
