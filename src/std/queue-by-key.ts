type Keyed = { readonly by: string }

/** What waits, in the order in which it came for each key; the keys take turns. */
export type QueueByKey<Item extends Keyed> = {
  readonly add: (item: Item) => void
  /** Items that were taken and are to come next again, first in the turn of their key. */
  readonly putBack: (items: readonly Item[]) => void
  /** The next item; its key then waits until all others have had a turn. */
  readonly take: () => Item | undefined
  readonly takeAll: () => Item[]
  readonly remove: (item: Item) => void
  readonly size: () => number
}

export const queueByKey = <Item extends Keyed>(): QueueByKey<Item> => {
  // The first key is the one whose turn it is.
  const byKey = new Map<string, Item[]>()
  const of = (key: string): Item[] => {
    const found = byKey.get(key) ?? []
    byKey.set(key, found)
    return found
  }
  return {
    add: (item) => void of(item.by).push(item),
    putBack: (items) => items.toReversed().forEach((item) => of(item.by).unshift(item)),
    take: () => {
      for (const [key, items] of byKey) {
        const item = items.shift()
        byKey.delete(key)
        if (items.length > 0) byKey.set(key, items)
        if (item) return item
      }
      return undefined
    },
    takeAll: () => {
      const all = [...byKey.values()].flat()
      byKey.clear()
      return all
    },
    remove: (item) => {
      const left = (byKey.get(item.by) ?? []).filter((each) => each !== item)
      if (left.length > 0) byKey.set(item.by, left)
      else byKey.delete(item.by)
    },
    size: () => byKey.values().reduce((sum, items) => sum + items.length, 0),
  }
}
