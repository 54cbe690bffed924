/**
 * One read for all who ask for the same within `forMs` of the first. What they get may be as old as that, so it is for
 * those who do many things at once, each of which takes about as long. A read that fails is not kept.
 */
export const sharedRead = <Key extends readonly (string | number)[], Value>(
  read: (...key: Key) => Promise<Value>,
  forMs: number,
): ((...key: Key) => Promise<Value>) => {
  const reads = new Map<string, Promise<Value>>()
  return (...key) => {
    const name = JSON.stringify(key)
    const before = reads.get(name)
    if (before) return before
    const reading = read(...key)
    const forget = () => {
      if (reads.get(name) === reading) reads.delete(name)
    }
    reads.set(name, reading)
    setTimeout(forget, forMs).unref()
    reading.catch(forget)
    return reading
  }
}
