import type { GraphClient } from './client.ts'
import { folderPath, messagePath } from './messages.ts'

/** Text in a filter (OData 4.01, part 2, 5.1.1.14.1). */
export const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Drafts of this email: what is left of attempts that broke off, or were taken back. */
export const draftsOf = async (client: GraphClient, messageId: string): Promise<string[]> => {
  const filter = encodeURIComponent(`internetMessageId eq ${quoted(`<${messageId}>`)}`)
  const { value = [] } = await client.get<{ value?: readonly { id: string }[] }>(
    `${folderPath('drafts')}/messages?$select=id&$filter=${filter}`,
  )
  return value.map(({ id }) => id)
}

/**
 * Takes the recipients out of a draft, so that a request which is still under way has nobody to send it to. The draft
 * stays, and so does what it tells.
 */
export const disarm = async (
  client: GraphClient,
  id: string,
  headers: Record<string, string> = {},
): Promise<void> => {
  const body = { toRecipients: [], ccRecipients: [], bccRecipients: [] }
  await client.ask({ method: 'PATCH', path: messagePath(id), body, headers })
}
