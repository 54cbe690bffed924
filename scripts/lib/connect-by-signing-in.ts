import type { Client } from './client.ts'
import { browser } from './mail-servers/browser.ts'

type Wish = {
  readonly provider: 'gmail' | 'outlook'
  readonly address: string
  readonly settings: Record<string, unknown>
}

/**
 * Connects a mailbox of a double by signing in with it, as the CRM, its user and the user's browser do; the browser does
 * it over HTTP. @returns the account's id
 */
export const connectBySigningIn = async (client: Client, wish: Wish): Promise<string> => {
  const { provider, address, settings } = wish
  const begun = await client.send<{ id: string; url: string }>('POST', '/v1/sign-ins', { provider })
  const theirs = browser()
  const back = await theirs.choose(begun.body.url, { address })
  const { status, page } = await theirs.open(back)
  if (status !== 200) throw new Error(page)
  const completed = await client.send<{ id: string }>('POST', `/v1/sign-ins/${begun.body.id}/complete`, {
    settings,
  })
  return completed.body.id
}
