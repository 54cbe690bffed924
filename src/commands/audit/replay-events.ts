import { changesBetween, type Change } from '../../domain/audit/changes.ts'
import { catalogue } from '../../domain/catalogue.ts'
import type { Json, RecordedEvent } from '../../domain/event.ts'
import { inParallel } from '../../std/in-parallel.ts'
import type { EventStore } from '../ports/event-log.ts'

/**
 * How the events of one thing are folded into what is known of it. `from` are the categories of the streams that say
 * something of it, such as `outgoing` of `outgoing-<id>`; `shown` is the state as people may see it.
 */
export type Story = {
  readonly from: readonly string[]
  readonly initial: unknown
  readonly evolve: (state: never, event: never) => unknown
  readonly shown: (state: never) => unknown
}

export type ReplayDeps = {
  readonly store: Pick<EventStore, 'readStream'>
  /** By the category of the things that they tell of. */
  readonly stories: ReadonlyMap<string, Story>
}

/** A story of one thing, and the ids of its events whose changes are wanted. */
type Task = {
  readonly path: string
  readonly story: Story
  readonly streams: readonly string[]
  readonly wanted: ReadonlySet<string>
}

const AT_ONCE = 8

/**
 * What each of these events changed, by its id: the streams are folded from their start. Paths lead through one document
 * for all things, `/<category>/<id>/…`.
 */
export const replayEvents =
  ({ store, stories }: ReplayDeps) =>
  async (events: readonly RecordedEvent[]): Promise<ReadonlyMap<string, readonly Change[]>> => {
    const reading = new Map<string, Promise<RecordedEvent[]>>()
    const read = (stream: string): Promise<RecordedEvent[]> => {
      const known = reading.get(stream) ?? store.readStream(stream)
      reading.set(stream, known)
      return known
    }
    const done = await inParallel(tasksOf(stories, events), AT_ONCE, async (task) => {
      const histories = await Promise.all(task.streams.map(read))
      return changesOf(task, histories.flat().toSorted(byPosition))
    })
    const changes = new Map<string, Change[]>(events.map(({ id }) => [id, []]))
    for (const [id, of] of done.flat()) changes.get(id)?.push(...of)
    return changes
  }

/** In the order of the stories, so that the changes of an event come in the same order in every page. */
const tasksOf = (stories: ReplayDeps['stories'], events: readonly RecordedEvent[]): Task[] =>
  [...stories].flatMap(([name, story]) => {
    const own = events.filter(({ stream }) => story.from.includes(categoryOf(stream)))
    const things = Map.groupBy(own, ({ stream }) => stream.slice(categoryOf(stream).length + 1))
    return [...things].map(([id, of]) => ({
      path: `/${name}/${id}`,
      story,
      streams: story.from.map((category) => `${category}-${id}`),
      wanted: new Set(of.map((event) => event.id)),
    }))
  })

const categoryOf = (stream: string): string => stream.slice(0, stream.indexOf('-'))

const changesOf = (
  { path, story, wanted }: Task,
  history: readonly RecordedEvent[],
): (readonly [id: string, Change[]])[] => {
  const told: (readonly [string, Change[]])[] = []
  // What a story folds, it can be given: its streams guarantee the types.
  const evolve = story.evolve as (state: unknown, event: RecordedEvent) => unknown
  const shown = story.shown as (state: unknown) => Json
  let state = story.initial
  for (const event of history) {
    if (told.length === wanted.size) break
    // A kind that is not known here means nothing to anybody.
    if (!catalogue.has(event.type)) continue
    const before = state
    state = evolve(state, event)
    if (!wanted.has(event.id)) continue
    told.push([event.id, changesBetween(shown(before), shown(state), path)])
  }
  return told
}

const byPosition = (a: RecordedEvent, b: RecordedEvent): number => (a.position < b.position ? -1 : 1)
