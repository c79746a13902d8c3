/** What the end-to-end tests ask a page. */
import type { Page } from 'playwright-core'

/** The ids of the views on the rail, in order. */
export async function railIds(page: Page): Promise<string[]> {
  const rails = await page.locator('[data-testid^="rail-"]').all()
  return Promise.all(rails.map(async (rail) => (await rail.getAttribute('data-testid'))!.slice('rail-'.length)))
}
