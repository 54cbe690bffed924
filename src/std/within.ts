/**
 * The result of the work, or what `late` returns or throws if it takes longer than this many milliseconds. The work is
 * not stopped; its result is then ignored.
 */
export const within = async <Value, Late>(
  work: Promise<Value>,
  ms: number,
  late: () => Late,
): Promise<Value | Late> => {
  const { promise: over, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, Math.max(ms, 0))
  try {
    return await Promise.race([work, over.then(late)])
  } finally {
    clearTimeout(timer)
  }
}
