/**
 * What the work comes to, or what `late` gives or throws where that takes longer than so many milliseconds. The work is
 * not ended by that; what it comes to then is nobody's.
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
