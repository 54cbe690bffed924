import { MailUnavailable, type MailProvider } from '../../commands/ports/mail-provider.ts'
import type { TestStep } from '../../domain/accounts/connection.ts'
import type { GraphClient } from './client.ts'
import { foldersOf } from './folders.ts'
import { folderPath } from './messages.ts'

const STEPS: readonly (readonly [string, (client: GraphClient) => Promise<string>])[] = [
  [
    'login',
    async (client) => {
      await client.get(`${folderPath('inbox')}?$select=id`)
      return 'Signed in'
    },
  ],
  [
    'folders',
    async (client) => {
      const folders = await foldersOf(client, new Map(), {})
      const sent = folders.some(({ role }) => role === 'sent')
      return `${folders.length} folders; ${sent ? 'Sent found' : 'none for sent mail'}`
    },
  ],
]

/** Reads what every mailbox has. After the first failure the rest is skipped. */
export const testConnection = async (client: GraphClient): ReturnType<MailProvider['test']> => {
  const steps: TestStep[] = []
  for (const [step, run] of STEPS) {
    if (steps.some(({ ok }) => !ok)) {
      steps.push({ service: 'outlook', step, ok: false, skipped: true, durationMs: 0 })
      continue
    }
    const began = performance.now()
    const took = () => Math.round((performance.now() - began) * 10) / 10
    try {
      const detail = await run(client)
      steps.push({ service: 'outlook', step, ok: true, durationMs: took(), detail })
    } catch (error) {
      if (!(error instanceof MailUnavailable)) throw error
      const { code, message: detail, remedy } = error
      steps.push({ service: 'outlook', step, ok: false, durationMs: took(), code, detail, remedy })
    }
  }
  return { ok: steps.every(({ ok }) => ok), steps }
}
