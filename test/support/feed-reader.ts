import type { FeedItem } from '../../src/commands/feed/feed.ts'
import type { Presence } from '../../src/commands/ports/conversation-presence.ts'

/** A reader of the feed, which keeps what it was told; `lastId` is what it would send as `Last-Event-ID`. */
export const readFeed = async (
  url: string,
  key: string,
  {
    query = '',
    headers = {},
    onItem = () => {},
  }: {
    readonly query?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly onItem?: () => unknown
  } = {},
) => {
  const controller = new AbortController()
  const answer = await fetch(`${url}/v1/feed${query}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
    signal: controller.signal,
  })
  const items: FeedItem[] = []
  const presence: Presence[] = []
  let lastId: string | undefined
  const take = (message: string): void => {
    const [, told] = /^event: presence\ndata: (.*)$/.exec(message) ?? []
    if (told !== undefined) return void presence.push(JSON.parse(told) as Presence)
    for (const line of message.split('\n')) {
      if (line.startsWith('id: ')) lastId = line.slice(4)
      if (!line.startsWith('data: ')) continue
      items.push(JSON.parse(line.slice(6)) as FeedItem)
      onItem()
    }
  }
  const follow = async (): Promise<void> => {
    let rest = ''
    try {
      for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
        const messages = `${rest}${chunk}`.split('\n\n')
        rest = messages.pop() ?? ''
        messages.forEach(take)
      }
    } catch (error) {
      // Cut off from either end.
      if (!(error instanceof Error)) throw error
    }
  }
  const ended = answer.status === 200 ? follow() : Promise.resolve()
  return {
    status: answer.status,
    headers: answer.headers,
    items,
    presence,
    ended,
    lastId: () => lastId,
    close: async () => {
      controller.abort()
      await ended
    },
  }
}
