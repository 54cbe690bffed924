type Asked<Key, Value> = {
  readonly key: Key
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

/**
 * What is asked for in one turn of the event loop is read together. `read` answers in the order of its keys; where it
 * fails, all who asked are told.
 */
export const readTogether = <Key, Value>(
  read: (keys: readonly Key[]) => Promise<readonly Value[]>,
  most: number,
): ((key: Key) => Promise<Value>) => {
  let asked: Asked<Key, Value>[] = []

  const answer = async (group: readonly Asked<Key, Value>[]): Promise<void> => {
    try {
      const values = await read(group.map(({ key }) => key))
      for (const [index, { resolve }] of group.entries()) resolve(values[index]!)
    } catch (error) {
      for (const { reject } of group) reject(error)
    }
  }

  const flush = (): void => {
    const all = asked
    asked = []
    for (let start = 0; start < all.length; start += most) void answer(all.slice(start, start + most))
  }

  return (key) =>
    new Promise((resolve, reject) => {
      if (asked.length === 0) setImmediate(flush)
      asked.push({ key, resolve, reject })
    })
}

/**
 * Starts on items group by group: with the first that is asked for of a group, on all of it and of the next. So what is
 * read of them can be read together, and is there when its turn comes. Each item may be asked for once.
 */
export const startAhead = <Item, Result>(
  items: readonly Item[],
  size: number,
  start: (item: Item) => Promise<Result>,
): ((item: Item) => Promise<Result>) => {
  const started = new Map<Item, Promise<Result>>()
  const places = new Map(items.map((item, index) => [item, index]))
  let next = 0
  return (item) => {
    const group = Math.floor((places.get(item) ?? 0) / size)
    for (const other of items.slice(next, (group + 2) * size)) {
      const starting = start(other)
      // It is told to whoever asks for it; perhaps nobody does any more.
      starting.catch(() => {})
      started.set(other, starting)
      next++
    }
    const mine = started.get(item)
    if (!mine) throw new TypeError('Each item is asked for once')
    started.delete(item)
    return mine
  }
}
