/** What the page may do: nothing but show itself. It has an origin of its own, and no way out of it. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { app, net, protocol, session, shell } from 'electron'
import { CSP } from '@shared/csp'

const SCHEME = 'memscope'
export const PAGE_ORIGIN = `${SCHEME}://app`
/** electron-vite's dev server, while developing. */
const devUrl = app.isPackaged ? undefined : process.env['ELECTRON_RENDERER_URL']
export const PAGE_URL = devUrl ?? `${PAGE_ORIGIN}/index.html`

/** Before 'ready': the page's scheme has an origin and counts as secure. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ])
}

/** Serves out/renderer, and nothing outside of it, as memscope://app/. */
export function servePage(): void {
  const root = join(app.getAppPath(), 'out/renderer')
  protocol.handle(SCHEME, async (request) => {
    const { host, pathname } = new URL(request.url)
    const path = join(root, decodeURIComponent(pathname))
    if (host !== 'app' || !path.startsWith(root)) return new Response('not found', { status: 404 })
    const response = await net.fetch(pathToFileURL(path).href).catch(() => new Response('not found', { status: 404 }))
    const headers = new Headers(response.headers)
    headers.set('content-security-policy', CSP)
    headers.set('x-content-type-options', 'nosniff')
    return new Response(response.body, { status: response.status, headers })
  })
}

/** No permissions, no other pages, no new windows, no web views. */
export function secure(): void {
  session.defaultSession.setPermissionRequestHandler((_contents, permission, answer) =>
    answer(permission === 'clipboard-sanitized-write'),
  )
  session.defaultSession.setPermissionCheckHandler(
    (_contents, permission) => permission === 'clipboard-sanitized-write',
  )
  app.on('web-contents-created', (_event, contents) => {
    contents.on('will-navigate', (event) => event.preventDefault())
    contents.on('will-attach-webview', (event) => event.preventDefault())
    contents.setWindowOpenHandler(({ url }) => {
      if (url.startsWith('https://')) void shell.openExternal(url)
      return { action: 'deny' }
    })
  })
}

/** Whether a message comes from our page, and not from something that found its way into the window. */
export function isOurPage(url: string | undefined): boolean {
  if (url === undefined) return false
  const { protocol: scheme, host, origin } = new URL(url)
  return (scheme === `${SCHEME}:` && host === 'app') || (devUrl !== undefined && origin === new URL(devUrl).origin)
}
