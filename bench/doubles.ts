import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { trustAlso } from '../src/adapters/network/authorities.ts'
import { startGoogleAndMicrosoft } from '../scripts/lib/mail-servers/google-and-microsoft.ts'
import { testTls } from '../scripts/lib/mail-servers/tls.ts'
import { madeUp } from './made-up.ts'

/** The addresses of the mailboxes, the same at both. */
export const addressOf = (mailbox: number): string => `sarah-${mailbox}@acme.test`
/** An access token of a mailbox that the doubles accept beside those that they give out. */
export const tokenOf = (mailbox: number): string => `bench-${mailbox}`

type Options = {
  readonly redirectUri: string
  readonly mailboxes: number
  /** In each. */
  readonly messages: number
  readonly bytes: number
}
type Told = { readonly env: Record<string, string>; readonly ca: string }

export type Doubles = Told & { readonly close: () => Promise<void> }

/** Google and Microsoft with mailboxes of generated mail, in a process of their own, so that they do not block ours. */
export const startDoubles = async (options: Options): Promise<Doubles> => {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)])
  const ended = once(child, 'exit')
  const failed = ended.then(() => {
    throw new Error('The doubles of Google and Microsoft ended')
  })
  const [told] = (await Promise.race([once(child, 'message'), failed])) as [Told]
  failed.catch(() => {})
  trustAlso([told.ca])
  return {
    ...told,
    close: async () => {
      child.kill()
      await ended
    },
  }
}

const run = async ({ redirectUri, mailboxes, messages, bytes }: Options): Promise<Told> => {
  const tls = await testTls()
  const { google, gmail, microsoft, graph, env } = await startGoogleAndMicrosoft(() => redirectUri, tls)
  for (let mailbox = 0; mailbox < mailboxes; mailbox++) {
    const person = { id: `sarah-${mailbox}`, address: addressOf(mailbox) }
    google.addPerson(person)
    microsoft.addPerson(person)
    const atGmail = gmail.addMailbox(person.address, tokenOf(mailbox))
    const atOutlook = graph.addMailbox(person.address, tokenOf(mailbox))
    for (let index = messages - 1; index >= 0; index--) {
      const raw = madeUp(index, bytes)
      const at = new Date(Date.now() - index * 1000)
      atGmail.add(raw, ['INBOX'], at)
      atOutlook.add(atOutlook.folder('inbox')!.id, raw, { receivedAt: at })
    }
  }
  return { env, ca: tls.ca }
}

if (process.send && process.argv[1] === fileURLToPath(import.meta.url)) {
  process.once('disconnect', () => process.exit())
  process.send(await run(JSON.parse(process.argv[2] ?? '') as Options))
}
