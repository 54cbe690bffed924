import { randomBytes } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { outlookProvider } from '../../../src/adapters/graph/provider.ts'
import type { GraphPush } from '../../../src/adapters/graph/push.ts'
import { trustAlso } from '../../../src/adapters/network/authorities.ts'
import { oauthClient } from '../../../src/adapters/oauth/client.ts'
import { microsoftSignIn } from '../../../src/adapters/oauth/microsoft.ts'
import { credentialsOf, tokenSource } from '../../../src/adapters/oauth/tokens.ts'
import type { Access } from '../../../src/commands/ports/mail-provider.ts'
import type { FromBehind, Harness, OpenHarness } from '../../contracts/mail-provider-harness.ts'
import { cutLines } from '../../../scripts/lib/cut-lines.ts'
import {
  messageIdOf,
  type GraphMailbox,
  type GraphMessage,
} from '../../../scripts/lib/mail-servers/microsoft/mailbox.ts'
import { startGraph, type Graph } from '../../../scripts/lib/mail-servers/microsoft/service.ts'
import { certificates } from './certificates.ts'

type Ends = { teardown(end: () => unknown): void }

const stateOf = (flags: readonly string[]) => ({
  isRead: flags.includes('seen'),
  isFlagged: flags.includes('flagged'),
  isAnswered: flags.includes('answered'),
  isDraft: flags.includes('draft'),
  categories: flags.filter((flag) => !['seen', 'flagged', 'answered', 'draft'].includes(flag)),
})

const flagsOf = ({ isRead, isFlagged, isAnswered, isDraft, categories }: GraphMessage): string[] =>
  [
    ...(isRead ? ['seen'] : []),
    ...(isFlagged ? ['flagged'] : []),
    ...(isAnswered ? ['answered'] : []),
    ...(isDraft ? ['draft'] : []),
    ...categories,
  ].toSorted()

export const fromBehind = (mailbox: GraphMailbox): FromBehind => {
  const folderId = (name: string): string => {
    const found = mailbox.folders().find(({ displayName }) => displayName === name)
    if (found === undefined) throw new Error(`No folder ${name}`)
    return found.id
  }
  const find = (messageId: string, folder: string): GraphMessage => {
    const found = mailbox.messages(folderId(folder)).find(({ raw }) => messageIdOf(raw) === messageId)
    if (found === undefined) throw new Error(`No message ${messageId} in ${folder}`)
    return found
  }
  return {
    deliver: async (folder, raw, { at = new Date(), flags = [] } = {}) =>
      void mailbox.add(folderId(folder), raw, { receivedAt: at, ...stateOf(flags) }),
    move: async (messageId, from, to) => void mailbox.move(find(messageId, from).id, folderId(to)),
    flag: async (messageId, folder, flags) => void mailbox.change(find(messageId, folder).id, stateOf(flags)),
    remove: async (messageId, folder) => mailbox.remove(find(messageId, folder).id),
    removeFolder: async (folder) => mailbox.removeFolder(folderId(folder)),
    raw: async (messageId, folder) => find(messageId, folder).raw,
    contents: async () =>
      mailbox.folders().flatMap(({ id, displayName }) =>
        mailbox.messages(id).map((message) => ({
          folder: displayName,
          messageId: messageIdOf(message.raw),
          flags: flagsOf(message),
        })),
      ),
  }
}

/** How an account reaches a mailbox with this token, which nobody renews. */
export const accessOf = (address: string, token: string): Access => ({
  connection: { provider: 'outlook', address, permissions: ['mail', 'send'] },
  credentials: credentialsOf({
    accessToken: token,
    refreshToken: 'secret-refresh',
    expiresAt: '2999-01-01T00:00:00.000Z',
  }),
})

/** A line that goes no further than this process. */
const lineWithin = (): Pick<GraphPush, 'tell' | 'onTold'> => {
  const listeners = new Set<(word: string) => void>()
  return {
    tell: async (word) => listeners.forEach((listener) => listener(word)),
    onTold: (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

/** Takes what Graph pushes, as our server does, and hands it to `take`. @returns where */
const receiver = async (t: Ends, take: (body: unknown) => void): Promise<string> => {
  const server = createServer(certificates.good, (request, response) => {
    const token = new URL(request.url ?? '', 'https://localhost').searchParams.get('validationToken')
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (token === null) take(JSON.parse(Buffer.concat(chunks).toString()))
      response.writeHead(token === null ? 202 : 200, { 'content-type': 'text/plain' }).end(token ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

/** The provider, reaching a Graph of its own over lines that can be cut. `pushes`: Graph can reach it as well. */
export const outlookOnDouble = async (t: Ends, more: { pushes?: boolean } = {}) => {
  const graph = await startGraph(certificates.good, certificates.ca)
  t.teardown(() => graph.close())
  const lines = await cutLines(t, [{ port: graph.port }])
  const url = more.pushes
    ? await receiver(t, (body) => void provider.takePush?.({ authorization: null, body }))
    : null
  trustAlso([certificates.ca])
  const client = oauthClient(null)
  const provider = outlookProvider({
    tokens: tokenSource(client),
    apiUrl: `https://localhost:${lines.ports[0]}`,
    signIn: microsoftSignIn(client, graph.url),
    push: url === null ? null : { url, key: randomBytes(32), ...lineWithin() },
    checkEveryMs: 50,
  })
  t.teardown(() => provider.close())
  return { graph, lines, provider }
}

const refusals = ({ faults }: Graph): Harness['refusals'] => {
  const status = (what: string, kind: 'scope-missing' | 'throttled' | 'temporary', code: number) => ({
    what,
    kind,
    set: (on: boolean) => {
      if (on) faults.status = code
      else delete faults.status
    },
  })
  return [
    status('not allowed', 'scope-missing', 403),
    status('broken', 'temporary', 503),
    status('too many requests', 'throttled', 429),
  ]
}

/** Microsoft Graph's double, one for each mailbox. */
export const outlookHarness = (): OpenHarness => async (t) => {
  const { graph, lines, provider } = await outlookOnDouble(t, { pushes: true })
  const address = 'ann@outlook.test'
  const token = `secret-${randomBytes(9).toString('hex')}`
  const mailbox = graph.addMailbox(address, token)
  mailbox.addFolder('Customers')
  const { faults } = graph
  return {
    provider,
    access: accessOf(address, token),
    wrongAccess: accessOf(address, 'secret-wrong'),
    secrets: [token, 'secret-wrong', 'secret-refresh'],
    address,
    folders: { inbox: 'Inbox', sent: 'Sent Items', archive: 'Archive', own: 'Customers' },
    mailbox: fromBehind(mailbox),
    lines,
    loseCursors: async () => graph.forget(mailbox),
    withhold: (messageId) => {
      const ids = mailbox.messages().filter(({ raw }) => messageIdOf(raw) === messageId)
      faults.withheld = new Set(ids.map(({ id }) => id))
    },
    refusals: refusals(graph),
    arrived: () => graph.sent.map(({ message }) => message.raw),
    refuseRecipients: (addresses) => (faults.refusedRecipients = addresses),
    loseAnswer: (on) => (faults.loseAnswer = on),
    knows: { moves: false, fate: true, left: true, answered: true },
  }
}
