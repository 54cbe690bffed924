import type { EmailToSend, RefusedRecipient, SendOutcome } from '../../../src/commands/ports/mail-provider.ts'
import { problemOf, type Heard, type LabelMailClient } from './client.ts'

const refusals = (addresses: readonly string[]): RefusedRecipient[] =>
  addresses.map((address) => ({
    address,
    code: null,
    enhancedCode: null,
    reason: 'Label Mail does not know it',
  }))

/** The service said no, and so has sent nothing: for good where it is the email that it does not take. */
const notSent = (heard: Heard): SendOutcome => {
  const { code, message: reason, remedy, until, kind } = problemOf(heard)
  if (kind === 'refused') return { kind: 'failed', code, reason, remedy, refused: refusedBy(heard) }
  return { kind: 'deferred', code, reason, ...(until === null ? {} : { until }) }
}

const refusedBy = (heard: Heard): RefusedRecipient[] => {
  const said = heard === 'lost' ? null : (heard.json as { refused?: string[] } | null)
  return refusals(said?.refused ?? [])
}

/** Makes a draft, asks, and sends it: what the draft has become tells after a crash whether it went. */
export const sendByDraft = async (
  client: LabelMailClient,
  { envelope, messageId, mime }: EmailToSend,
  release: (handle: string | null) => Promise<boolean>,
  signal: AbortSignal,
): Promise<SendOutcome> => {
  const draft = { ...envelope, messageId, raw: mime.toString('base64') }
  const made = await client.hear('POST', 'drafts', draft)
  if (made === 'lost' || made.status !== 200) return notSent(made)
  const { id } = made.json as { id: string }
  if (!(await release(id))) {
    await client.hear('DELETE', `draft/${id}`)
    return { kind: 'withdrawn' }
  }
  if (signal.aborted) return notSent('lost')
  const heard = await client.hear('POST', `draft/${id}`)
  if (heard === 'lost' || heard.status >= 500) return { kind: 'unknown', reason: problemOf(heard).message }
  if (heard.status !== 200) return notSent(heard)
  const { accepted, refused } = heard.json as { accepted: string[]; refused: string[] }
  return { kind: 'sent', putOff: [], accepted, refused: refusals(refused) }
}
