#!/bin/sh
# Tries photosort on plain names.
set -eu
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/in/trip"
echo a > "$work/in/IMG_20240229_101500.jpg"
echo b > "$work/in/trip/20231105.png"
echo c > "$work/in/notes.txt"
bin/photosort "$work/in" "$work/out" > /dev/null
test -f "$work/out/2024-02/IMG_20240229_101500.jpg"
test -f "$work/out/2023-11/20231105.png"
test -f "$work/in/notes.txt"
echo ok
