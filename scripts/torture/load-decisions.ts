import type { Commander } from './commander.ts'
import type { Chance } from './chance.ts'
import type { Work } from './load.ts'

type Parts = {
  readonly commander: Commander
  readonly chance: Chance
  readonly accounts: ReadonlyMap<string, string>
}

/** A message, or a thread of so many messages. */
type Item = { readonly id: string; readonly messageCount?: number }

const KEPT = 3

const listOf = async (
  { commander, chance, accounts }: Parts,
  what: 'messages' | 'threads',
): Promise<{ readonly accountId: string; readonly items: readonly Item[] }> => {
  const accountId = chance.pick([...accounts.values()])
  const { data } = await commander.get<{ data: Item[] }>(`/v1/${what}?account=${accountId}&limit=100`)
  return { accountId, items: data }
}

/** Half of the messages are linked by hand, the others deleted: the end of the id tells which. */
const isToLink = ({ id }: Item): boolean => id.slice(-1) < 'g'

/** People link and unlink messages by hand, undo it, and write notes. */
export const linkDecisionWork = (parts: Parts): Work => {
  const { commander, chance } = parts
  const decided = new Map<string, 'link' | 'unlink'>()
  let count = 0
  const put = (kind: 'contacts' | 'deals', n: number) =>
    commander.ask({
      name: `put one of the ${kind}`,
      method: 'PUT',
      path: `/v1/directory/${kind}/kept-${n}`,
      body:
        kind === 'deals'
          ? { name: `Deal ${n}` }
          : { lastName: `Kept ${n}`, emails: [`kept${n}@client.test`] },
    })
  const decide = async (): Promise<void> => {
    const messages = (await listOf(parts, 'messages')).items.filter(isToLink)
    if (messages.length === 0) return
    const record = `${chance.pick(['contact', 'deal'])}/kept-${chance.between(1, KEPT)}`
    const path = `/v1/messages/${chance.pick(messages).id}/links/${record}`
    const before = decided.get(path)
    if (before !== undefined && chance.oneIn(3)) {
      await commander.ask({ name: 'undo link', method: 'POST', path: `${path}/undo` })
      decided.delete(path)
    } else if (before === 'link') {
      await commander.ask({ name: 'unlink', method: 'DELETE', path })
      decided.set(path, 'unlink')
    } else {
      await commander.ask({ name: 'link', method: 'PUT', path })
      decided.set(path, 'link')
    }
  }
  const note = async (): Promise<void> => {
    const { answer } = await commander.ask({
      name: 'write note',
      method: 'POST',
      path: '/v1/timeline-entries',
      body: {
        records: [{ kind: 'contact', id: `kept-${chance.between(1, KEPT)}` }],
        kind: 'call',
        title: `Call ${count++}`,
        at: new Date().toISOString(),
      },
    })
    const path = `/v1/timeline-entries/${(answer.body as { id: string }).id}`
    if (chance.oneIn(3)) await commander.ask({ name: 'remove note', method: 'DELETE', path })
  }
  let begun: Promise<unknown> | null = null
  const begin = async () => {
    for (let n = 1; n <= KEPT; n++) for (const kind of ['contacts', 'deals'] as const) await put(kind, n)
  }
  return async () => {
    await (begun ??= begin())
    await (chance.oneIn(4) ? note() : decide())
  }
}

/** Threads are merged and split, and that is undone; messages are deleted and restored. */
export const threadWork = (parts: Parts): Work => {
  const { commander, chance } = parts
  const deleted: string[] = []
  const changes: string[] = []
  const change = async (name: string, accountId: string, path: string, body: object): Promise<void> => {
    const { answer } = await commander.ask({ name, method: 'POST', path, body })
    if (answer.status !== 200) return
    const { change: number } = answer.body as { change: number }
    changes.push(`/v1/email-accounts/${accountId}/thread-changes/${number}/undo`)
  }
  const merge = async (): Promise<void> => {
    const { accountId, items } = await listOf(parts, 'threads')
    if (items.length < 2) return
    const [one, other] = [chance.pick(items), chance.pick(items)]
    await change('merge threads', accountId, `/v1/threads/${one.id}/merge`, { thread: other.id })
  }
  const split = async (): Promise<void> => {
    const { accountId, items } = await listOf(parts, 'threads')
    const long = items.filter(({ messageCount = 0 }) => messageCount > 1)
    if (long.length === 0) return
    const { id } = chance.pick(long)
    const { data } = await commander.get<{ data: Item[] }>(`/v1/messages?thread=${id}`)
    if (data.length < 2) return
    await change('split thread', accountId, `/v1/threads/${id}/split`, { messages: [data[0]!.id] })
  }
  const undo = async (): Promise<void> => {
    const [path] = changes.splice(chance.between(0, changes.length - 1), 1)
    await commander.ask({ name: 'undo thread change', method: 'POST', path: path! })
  }
  const remove = async (): Promise<void> => {
    const some = (await listOf(parts, 'messages')).items.filter((each) => !isToLink(each))
    if (some.length === 0) return
    const { id } = chance.pick(some)
    await commander.ask({ name: 'delete message', method: 'DELETE', path: `/v1/messages/${id}` })
    deleted.push(id)
  }
  const restore = async (): Promise<void> => {
    const [id] = deleted.splice(chance.between(0, deleted.length - 1), 1)
    await commander.ask({ name: 'restore message', method: 'POST', path: `/v1/messages/${id}/restore` })
  }
  return () => {
    const what = chance.between(0, 5)
    if (what === 0) return split()
    if (what === 1) return merge()
    if (what === 2 && changes.length > 0) return undo()
    if (what === 3 && deleted.length > 0) return restore()
    return remove()
  }
}
