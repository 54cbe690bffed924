import type { Client } from './client.ts'
import { browser } from './mail-servers/browser.ts'

/** What the CRM, its user and the user's browser do; the browser does it over HTTP. @returns the account's id */
export const connectBySigningIn = async (
  client: Client,
  provider: 'gmail' | 'outlook',
  address: string,
  settings: Record<string, unknown>,
): Promise<string> => {
  const begun = await client.send<{ id: string; url: string }>('POST', '/v1/sign-ins', { provider })
  const theirs = browser()
  const back = await theirs.choose(begun.body.url, { address })
  const { status, page } = await theirs.open(back)
  if (status !== 200) throw new Error(page)
  const path = `/v1/sign-ins/${begun.body.id}/complete`
  const completed = await client.send<{ id: string }>('POST', path, { settings })
  return completed.body.id
}
