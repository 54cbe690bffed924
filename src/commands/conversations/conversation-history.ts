import type { AnyEvent } from '../../domain/catalogue.ts'
import { catalogue } from '../../domain/catalogue.ts'
import { conversationStream } from '../../domain/conversations/conversation.ts'
import type { RecordedEvent } from '../../domain/event.ts'
import type { EventStore } from '../ports/event-log.ts'

export type HistoryDeps = { readonly store: Pick<EventStore, 'readStream'> }

/** What happened in a conversation behind this revision of its stream, oldest first. */
export const conversationHistory =
  ({ store }: HistoryDeps) =>
  async (id: string, after: number, limit: number): Promise<RecordedEvent<AnyEvent>[]> => {
    const events = await store.readStream(conversationStream(id), { after, limit })
    return events.filter(({ type }) => catalogue.has(type)) as RecordedEvent<AnyEvent>[]
  }
