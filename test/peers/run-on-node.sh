#!/usr/bin/env bash
# Runs vitest on another major version of Node, which is kept in node_modules/.cache and nowhere else:
#   test/peers/run-on-node.sh 24 packages test/e2e
# MANIFOLD_PEER chooses the server as always. Build first: servers and programs of the tests run compiled code.
set -euo pipefail
cd "$(dirname "$0")/../.."
major=$1
shift

if [[ $(node -p 'process.versions.node.split(".")[0]') != "$major" ]]; then
  package=node-$(node -p 'process.platform + "-" + process.arch')
  folder=$PWD/node_modules/.cache/grpc-manifold/node-$major
  if [[ ! -x $folder/node_modules/$package/bin/node ]]; then
    mkdir -p "$folder"
    echo '{ "private": true }' >"$folder/package.json"
    npm install --prefix "$folder" --no-package-lock --no-audit --no-fund --ignore-scripts "$package@$major"
  fi
  # Programs that a test starts are to find the same Node.
  export PATH=$folder/node_modules/$package/bin:$PATH
fi
printf 'Node %s, peer %s\n' "$(node -v)" "${MANIFOLD_PEER:-grpc-js}"
exec node node_modules/vitest/vitest.mjs run "$@"
