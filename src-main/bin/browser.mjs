/** What the tests need of the system: a Chromium, and the libraries and display that Electron wants. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome', 'msedge']
const PLACES = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:/Program Files/Google/Chrome/Application/chrome.exe',
  'C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe',
]
const PACKAGES = [
  'chromium',
  'xvfb',
  'xauth',
  'unzip',
  'libgtk-3-0',
  'libnss3',
  'libasound2',
  'libgbm1',
  'libxss1',
  'libatk-bridge2.0-0',
]

/** Path of a Chromium, installed if need and right be; null with a word about it where it can't be had. */
export function ensureBrowser() {
  const found = findBrowser()
  const missing = found === null || (process.platform === 'linux' && (!has('Xvfb') || !has('unzip')))
  if (missing && mayInstall()) install()
  const browser = findBrowser()
  if (browser === null) {
    console.error('The tests need a Chromium. Set CHROMIUM to the path of one, or install it:')
    console.error(`  sudo apt-get install ${PACKAGES.join(' ')}`)
  }
  return browser
}

function findBrowser() {
  const given = process.env.CHROMIUM
  if (given) return existsSync(given) ? given : null
  return NAMES.map(which).find(Boolean) ?? PLACES.find((path) => existsSync(path)) ?? null
}

function which(name) {
  const dirs = (process.env.PATH ?? '').split(delimiter)
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path)) ?? null
}

function has(name) {
  return which(name) !== null
}

function mayInstall() {
  return process.platform === 'linux' && process.getuid() === 0 && has('apt-get')
}

function install() {
  console.log('installing what the tests need of the system (chromium, xvfb, Electron’s libraries)…')
  const apt = (...args) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    return spawnSync('apt-get', ['-qq', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0
  }
  apt('update')
  // Newer systems call some libraries …t64: those are asked for one by one where all at once does not work.
  if (!apt('install', '--no-install-recommends', ...PACKAGES)) {
    for (const name of PACKAGES) {
      if (!apt('install', '--no-install-recommends', name)) apt('install', '--no-install-recommends', `${name}t64`)
    }
  }
}
