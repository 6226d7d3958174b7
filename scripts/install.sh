#!/bin/sh
# Installs what package-lock.json names, and does nothing when that has been done. Every npm script begins with it, so that a
# fresh clone needs no other step.
set -eu
cd -- "$(dirname -- "$0")/.."
installed=node_modules/.installed-package-lock.json

if ! cmp -s package-lock.json "$installed"; then
  echo 'Installing packages ...' >&2
  # Warnings are about the node that runs npm; Berth runs under Bun.
  npm ci --loglevel=error
  # An npm that is told to run no install scripts leaves a note in place of Bun's program.
  node_modules/.bin/bun --revision >/dev/null 2>&1 || node node_modules/bun/install.js
  cp package-lock.json "$installed"
fi
